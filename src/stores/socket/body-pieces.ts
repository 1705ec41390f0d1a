/** A body that is sent piece by piece: views on the caller's views, in order, nothing copied. */
export class BodyPieces {
  readonly #views: readonly Uint8Array[];
  #view = 0;
  #offset = 0;

  constructor(views: readonly Uint8Array[]) {
    this.#views = views.filter((view) => view.byteLength > 0);
  }

  /** Whether every byte has been handed out. */
  get empty(): boolean {
    return this.#view === this.#views.length;
  }

  /** At most `maxBytes`, at least one; undefined at the end. */
  next(maxBytes: number): Uint8Array | undefined {
    const view = this.#views[this.#view];
    if (!view) return undefined;
    const piece = view.subarray(this.#offset, this.#offset + maxBytes);
    this.#offset += piece.byteLength;
    if (this.#offset === view.byteLength) {
      this.#view++;
      this.#offset = 0;
    }
    return piece;
  }
}
