/**
 * How long the calls of a run may go on after it was terminated: until their next heartbeat, which comes each 5 s at least, and a grace
 * for what is on its way.
 */
export const SETTLE_MS = 15_000;
