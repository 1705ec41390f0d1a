/** What a verification found, as far as history can hold it. */
import type { Finding } from '../contracts/report.ts';

/** Temporal refuses a result of 2 MiB, and what a server takes may be set lower. */
const LISTED_BYTES = 2 ** 20;

/** Lists findings in their order until they fill a MiB of JSON, and counts the others. */
export class FindingList {
  readonly listed: Finding[] = [];
  #omitted = 0;
  #bytes = 0;

  get omitted(): number {
    return this.#omitted;
  }

  add(finding: Finding): void {
    this.#bytes += Buffer.byteLength(JSON.stringify(finding)) + 1;
    if (this.#bytes <= LISTED_BYTES) this.listed.push(finding);
    else this.#omitted += 1;
  }

  /** Findings that were only counted. */
  omit(count: number): void {
    this.#omitted += count;
  }
}
