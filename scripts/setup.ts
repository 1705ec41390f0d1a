/** `npm run setup`: the two local servers, Temporal and S3, found, fetched or built; says what it does where that is slow. */
import { isTributaryError } from '../src/contracts/errors.ts';
import { ensureTemporalBinary, ensureVersitygwBinary } from '../src/client/services/ensure-program.ts';

const onProgress = (line: string): void => { process.stdout.write(`${line}\n`); };

try {
  // One after the other: both builds want all cores and the network.
  for (const ensure of [ensureTemporalBinary, ensureVersitygwBinary]) {
    process.stdout.write(`${await ensure({ onProgress })}\n`);
  }
} catch (error) {
  if (!isTributaryError(error)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
