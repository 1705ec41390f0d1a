/** Reads rows of a sealed plan by their global number. Pages are checked against their hashes; the last few are kept, of all plans that share them. */
import { gunzipSync } from 'node:zlib';
import { TributaryError } from '../contracts/errors.ts';
import { planRow, type PlanPageRef, type PlanRow, type SealedPlan } from '../contracts/plan.ts';

/** Gets an artefact of the plan by its file name, checked against the hash in it. @throws TRB-PLAN-LOST */
export type LoadArtefact = (name: string, hash: string) => Promise<Buffer>;

export interface NumberedRow { readonly row: number; readonly source: PlanRow }

/** Rows that are handed out at once: enough that waiting for them costs nothing, few enough that they weigh nothing. */
const BLOCK_ROWS = 1000;

/** Pages in memory at once: neighbouring batches read the same pages. A page of 50,000 rows takes about 10 MB. */
const PAGES_KEPT = 3;

/**
 * Pages that are kept, each for the plan that names it; the first is the oldest. Not by their hashes: another run of the same sources has the
 * same pages, but reads its own, from a store that may be away and within limits of its own, and nobody is to wait or fail with it.
 */
export type PlanPages = Map<PlanPageRef, Promise<readonly PlanRow[]>>;

export class PlanReader {
  readonly #plan: Pick<SealedPlan, 'pages'>;
  readonly #load: LoadArtefact;
  readonly #pages: PlanPages;

  /** @param pages shared by the readers of a process, so that the plans of runs that have ended do not stay in memory */
  constructor(plan: Pick<SealedPlan, 'pages'>, load: LoadArtefact, pages: PlanPages = new Map()) {
    this.#plan = plan;
    this.#load = load;
    this.#pages = pages;
  }

  /** Rows `[from, to)` of the whole plan, ascending, in blocks. @throws TRB-PLAN-LOST */
  async* rows(from: number, to: number): AsyncGenerator<readonly NumberedRow[]> {
    for (const page of this.#pagesFrom(from)) {
      if (page.firstRow >= to) return;
      const rows = await this.#page(page);
      const end = Math.min(rows.length, to - page.firstRow);
      for (let start = Math.max(0, from - page.firstRow); start < end; start += BLOCK_ROWS) {
        yield rows.slice(start, Math.min(end, start + BLOCK_ROWS)).map((source, index) => ({ row: page.firstRow + start + index, source }));
      }
    }
  }

  #pagesFrom(row: number): readonly PlanPageRef[] {
    const first = this.#plan.pages.findIndex((page) => row < page.firstRow + page.rows);
    return first === -1 ? [] : this.#plan.pages.slice(first);
  }

  #page(page: PlanPageRef): Promise<readonly PlanRow[]> {
    const known = this.#pages.get(page);
    if (known) return known;
    const loading = this.#load(`plan/${page.hash}.ndjson.gz`, page.hash).then((bytes) => parsePlanPage(bytes, page));
    this.#pages.set(page, loading);
    loading.catch(() => this.#pages.delete(page));
    for (const oldest of this.#pages.keys()) {
      if (this.#pages.size <= PAGES_KEPT) break;
      this.#pages.delete(oldest);
    }
    return loading;
  }
}

function parsePlanPage(bytes: Buffer, page: PlanPageRef): readonly PlanRow[] {
  const lines = gunzipSync(bytes).toString('utf8').split('\n');
  lines.pop();
  // The hash pins what was written, so the first row speaks for the shape of all.
  const rows = lines.map((line) => JSON.parse(line) as PlanRow);
  if (rows.length !== page.rows || !planRow.safeParse(rows[0]).success) {
    throw new TributaryError('TRB-PLAN-LOST', `the plan page ${page.hash} does not hold the ${page.rows} rows that the plan says`);
  }
  return rows;
}
