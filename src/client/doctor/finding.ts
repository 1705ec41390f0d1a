/** What `doctor` found out: one thing that a run needs, how it is, and what to do about it. */
import { ERRORS, EXIT, type ErrorCode, type TributaryError } from '../../contracts/errors.ts';

export interface Finding {
  readonly check: string;
  /** `note`: a run works, in a weaker way. */
  readonly status: 'good' | 'note' | 'bad';
  readonly what: string;
  /** Absent where there is nothing to do. */
  readonly fix?: string;
  /** Of the command, where this is what is wrong. */
  readonly exitCode: number;
}

export const good = (check: string, what: string): Finding => ({ check, status: 'good', what, exitCode: EXIT.ok });

export const note = (check: string, what: string, fix: string): Finding => ({ check, status: 'note', what, fix, exitCode: EXIT.ok });

export function bad(check: string, what: string, fix: string, code: ErrorCode): Finding {
  return { check, status: 'bad', what, fix, exitCode: ERRORS[code].exitCode };
}

export function badBecause(check: string, error: TributaryError, fix = ERRORS[error.code].remedy): Finding {
  return bad(check, error.message, fix, error.code);
}
