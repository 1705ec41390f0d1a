/** `npm run setup`: the two local servers, Temporal and S3, found, fetched or built; says what it does where that is slow. */
import { ensureTemporalBinary, ensureVersitygwBinary } from '../src/client/services/ensure-program.ts';

const onProgress = (line: string): void => { process.stdout.write(`${line}\n`); };

// One after the other: both builds want all cores and the network.
for (const ensure of [ensureTemporalBinary, ensureVersitygwBinary]) {
  const path = await ensure({ onProgress });
  process.stdout.write(`${path}\n`);
}
