/** Rows of the lists that commands answer with. Scripts read them: fields are only added. */

import type { LiveProgress } from './live-progress.ts';

/** A row of `runs`. */
export interface RunLine {
  readonly id: string;
  readonly job: 'merge';
  readonly label: string | null;
  /** `running`, `paused`, `pausing`, `cancelling`, `planned`, a report's status, or Temporal's own word where a run has neither. */
  readonly status: string;
  readonly source: string;
  readonly target: string;
  /** ISO instants. */
  readonly started: string;
  readonly ended: string | null;
}

/** What `status` answers: the row of the run, where it stands, and what it failed with. */
export interface StatusAnswer extends RunLine, LiveProgress {
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** A row of `failures`. */
export interface FailureLine {
  readonly uri: string;
  readonly code: string;
  readonly reason: string;
  /** Offset of the damage in decoded bytes; 0 for `failed`. */
  readonly offset: number;
  readonly outcome: 'failed' | 'partial';
}
