import { ERRORS, type TributaryError } from '../contracts/errors.ts';
import type { Output } from './output.ts';

/** Prints an error for people: what is wrong, its code, and what to do. The stack only to those who asked for more. @returns the exit code */
export function printError(error: TributaryError, output: Output): number {
  const { remedy, exitCode } = ERRORS[error.code];
  const style = output.messageStyle;
  output.warn(`${style.red('error:')} ${error.message}`);
  output.warn(style.dim(`  ${error.code}: ${remedy}`));
  const origin = error.cause instanceof Error ? error.cause : error;
  if (origin.stack !== undefined) output.detail(origin.stack);
  return exitCode;
}
