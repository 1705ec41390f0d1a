/**
 * What is to be done once the events of this turn of the loop are through: the next requests are started then, and all are written, one after another. A server that waits
 * for work is woken by the first of them and finds the others there. Written one by one, as the answers before them come in, each would wake it
 * anew: with a server on the same machine that is half of what a write costs (docs/decisions/0018-what-a-small-read-costs.md).
 */
let waiting: (() => void)[] = [];

/** @param action called once, in order, before the loop looks for new events; so is what it asks for here. It does not throw */
export function atEndOfTurn(action: () => void): void {
  if (waiting.push(action) === 1) setImmediate(run);
}

function run(): void {
  try {
    for (let at = 0; at < waiting.length; at += 1) waiting[at]?.();
  } finally {
    waiting = [];
  }
}
