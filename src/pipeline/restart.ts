import type { OpenChunk } from '../contracts/cursor.ts';

/**
 * The attempt cannot go on as it is, and starts again from its cursor:
 * - `upload`: an upload or its parts are gone;
 * - `record`: a line of a broken source had been sent in part; its failure record holds now, and the chunk is written without it;
 * - `jump`: an open upload of the cursor (`without`) does not begin where the chunks before it now end.
 */
export class Restart extends Error {
  override readonly name = 'Restart';
  readonly kind: 'upload' | 'record' | 'jump';
  readonly without: OpenChunk | null;

  constructor(kind: Restart['kind'], why: string, without: OpenChunk | null = null) {
    super(why);
    this.kind = kind;
    this.without = without;
  }
}
