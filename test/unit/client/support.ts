/** What the tests of the client share: figures of runs, and streams that remember. */
import type { LiveProgress } from '../../../src/client/live-progress.ts';
import type { Sink } from '../../../src/client/output.ts';
import type { PlanReport, Report } from '../../../src/contracts/report.ts';
import { DEFAULT_LIMITS } from '../../../src/contracts/limits.ts';
import { emptyTally } from '../../../src/contracts/tally.ts';

export const RUN_ID = 'merge-logs-20261121-083012-4f2a';

export function aReport(changes: Partial<Report> = {}): Report {
  return {
    schema: 'tributary.report/1',
    run: { id: RUN_ID, stamp: '20261121T083012Z-89abcdef', job: 'merge', label: null, planHash: 'f00d' },
    source: 's3://logs/', target: 's3://merged/', status: 'completed',
    time: { started: '2026-11-21T08:30:12.000Z', ended: '2026-11-21T08:31:42.500Z', seconds: 90.5 },
    planned: { objects: 20_010, bytes: 209_715_200, groups: 48 },
    done: { objects: 20_000, bytes: 209_700_000 }, partial: { objects: 0, bytes: 0 }, failed: { objects: 0, bytes: 0 },
    skipped: { objects: 10, bytes: 15_200, reasons: { filtered: 8, 'own-output': 2 } },
    lines: 1_234_567, averageLinesPerObject: 61.73, chunks: { count: 96, bytes: 209_800_000 },
    requests: { list: 22, get: 20_000, head: 0, put: 96, copy: 0, delete: 0 }, retries: 3, historyBytes: 40_000,
    verify: { mode: 'size', differences: 0 }, errors: [], control: 's3://merged/_tributary/runs/20261121T083012Z-89abcdef/',
    ...changes,
  };
}

export function aPlan(changes: Partial<PlanReport> = {}): PlanReport {
  return {
    schema: 'tributary.plan/1',
    run: { id: 'plan-logs-20261121-083012-4f2a', stamp: '20261121T083012Z-89abcdef', job: 'merge', label: null, planHash: '0123456789abcdef0123456789abcdef' },
    source: 's3://logs/', target: 's3://merged/', planned: { objects: 2_010, bytes: 1_048_576, groups: 13, batches: 1 },
    skipped: { objects: 10, bytes: 1_024, reasons: { filtered: 10 } },
    requests: { list: 3, get: 2_000, head: 0, put: 13, copy: 0, delete: 0 }, cost: { usd: 0.00088, basis: 'list prices of S3 Standard' },
    control: 's3://merged/_tributary/runs/20261121T083012Z-89abcdef/', spec: { store: 'default', hash: 'f00d' },
    ...changes,
  };
}

export function aProgress(changes: Partial<LiveProgress> = {}): LiveProgress {
  return {
    schema: 'tributary.progress/1', run: { id: RUN_ID, stamp: '20261121T083012Z-89abcdef', job: 'merge', label: null },
    source: 's3://logs/', target: 's3://merged/', phase: 'WRITE', state: 'running', startedMs: 1_000_000,
    planned: { objects: 20_010, bytes: 209_715_200, groups: 48, sources: 20_000, sourceBytes: 209_700_000 },
    tally: { ...emptyTally(), doneObjects: 12_000, doneBytes: 104_850_000, lines: 640_000, chunks: 40, chunkBytes: 102_000_000 },
    batches: { total: 12, done: 4, running: 8 }, limits: DEFAULT_LIMITS, control: null, result: null, underwayBytes: 0, waiting: null,
    ...changes,
  };
}

/** A stream that keeps what is written to it. */
export class MemorySink implements Sink {
  readonly isTTY: boolean;
  readonly columns = 100;
  text = '';

  constructor(options: { readonly isTTY?: boolean } = {}) {
    this.isTTY = options.isTTY ?? false;
  }

  write(text: string): void {
    this.text += text;
  }
}
