/** What a contender is: one that does the same work, on the same server, as often as it is asked to. */
import type { ControlPlane } from './control-plane.ts';
import type { DataSet } from './data-sets.ts';
import type { Usage } from './usage.ts';

export const CONTENDER_NAMES = ['bare', 'tributary', 'undici', 'sdk', 'rclone'] as const;
export type ContenderName = (typeof CONTENDER_NAMES)[number];

export interface Measured extends Usage {
  /** From the start of the work to its end. */
  readonly seconds: number;
  /** Of these, those of the phase that moves the bytes, where there are others. */
  readonly writeSeconds: number;
  /** Requests to the server; null where nobody counted them. */
  readonly requests: number | null;
}

export interface Contender {
  readonly name: ContenderName;
  /** Why it does not take part in a set, or null. */
  whyNot(set: DataSet): string | null;
  prepare(set: DataSet, seed: number, etags: readonly string[]): Promise<void>;
  run(): Promise<Measured>;
  /** What the last run cost Temporal; null for who does without. Asked after all rounds. */
  controlPlane(): Promise<ControlPlane | null>;
  /** Whether it writes each directory's sources in key order, so that its output can be compared. */
  readonly keepsOrder: boolean;
  stop(): Promise<void>;
}
