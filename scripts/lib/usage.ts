/** What the commands for developers have in common: `--help`, and one line for what was said wrong. */

/** Something in the arguments that cannot be. The message says what, and what could be. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** @throws UsageError for whatever `work` throws */
export function asUsage<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** @throws UsageError */
export function wholeNumber(flag: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least) throw new UsageError(`${flag} is a whole number from ${least}, not ${text}`);
  return value;
}

/** Runs a command and sets the exit code of the process: what `main` returns; 0 for null, which is to print the usage; 2 for a UsageError. */
export async function runCommand(name: string, usage: string, main: () => Promise<number | null>): Promise<void> {
  try {
    const exitCode = await main();
    if (exitCode === null) process.stdout.write(`${usage}\n`);
    process.exitCode = exitCode ?? 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${name}: ${error.message}\n${usage}\n`);
    process.exitCode = 2;
  }
}
