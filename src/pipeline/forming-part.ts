/**
 * The bytes of one part while it forms and until it is sent: pieces in order, and their CRC32.
 *
 * Invariants: it holds one reference to the slot of each piece, until `release`. Bytes are summed soon after they came, while they are still
 * in the processor's cache, but not each few of them; what is taken back after it was summed makes the sum begin anew. What is left of a broken
 * source is moved where it would hold a slot for little (`tidy`), so that a part never needs more slots than its call has reserved.
 */
import { crc32 } from '@node-rs/crc32';
import { TributaryError } from '../contracts/errors.ts';
import { combineCrc32 } from '../core/crc32.ts';
import type { Body } from '../stores/object-store.ts';
import { HOT_BYTES } from './landing.ts';
import type { Packer } from './packer.ts';
import { IN_PLACE_BYTES, type Piece } from './slab.ts';

export class FormingPart {
  readonly #pieces: Piece[] = [];
  #sizeBytes = 0;
  #crc32 = 0;
  #summedBytes = 0;
  /** The piece that the sum has come to, and how many bytes of it are summed. */
  #summedTo = { piece: 0, bytes: 0 };

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Takes over the piece's reference. @param sum its CRC32, where that is known */
  push(piece: Piece, sum?: number): void {
    if (sum !== undefined) this.#sum();
    const last = this.#pieces.at(-1);
    if (last && last.slot === piece.slot && last.end === piece.start) {
      this.#pieces[this.#pieces.length - 1] = { ...last, end: piece.end };
      piece.slot.release();
    } else {
      this.#pieces.push(piece);
    }
    const lengthBytes = piece.end - piece.start;
    this.#sizeBytes += lengthBytes;
    if (sum !== undefined) this.#takeSum(sum, lengthBytes);
    else if (this.#sizeBytes - this.#summedBytes >= HOT_BYTES) this.#sum();
  }

  /** Lets go of the last `sizeBytes`. */
  takeBack(sizeBytes: number): void {
    for (let left = sizeBytes; left > 0;) {
      const last = this.#pieces.pop();
      if (!last) throw new TributaryError('TRB-INTERNAL', 'more bytes were taken back than the forming part holds');
      const lastBytes = last.end - last.start;
      if (lastBytes > left) this.#pieces.push({ ...last, end: last.end - left });
      else last.slot.release();
      left -= Math.min(left, lastBytes);
    }
    this.#sizeBytes -= sizeBytes;
    if (this.#sizeBytes >= this.#summedBytes) return;
    this.#crc32 = this.#summedBytes = 0;
    this.#summedTo = { piece: 0, bytes: 0 };
  }

  /**
   * After a source broke: what is left of it holds no slot for a few bytes, and what is packed next lies right behind what was.
   * @throws what the packer throws while it waits for a slot
   */
  async tidy(packer: Packer): Promise<void> {
    const packed = this.#pieces.findLast((piece) => packer.hasPacked(piece));
    if (packed) packer.goBackTo(packed);
    const last = this.#pieces.at(-1);
    if (!last || packer.hasPacked(last) || last.end - last.start >= IN_PLACE_BYTES) return;
    last.slot.retain();
    this.takeBack(last.end - last.start);
    await packer.place(last, (piece) => {
      this.push(piece);
      return undefined;
    });
  }

  /** All of it, to be sent. */
  body(): Body {
    this.#sum();
    const views = this.#pieces.map(({ bytes, start, end }) => bytes.subarray(start, end));
    return { views, sizeBytes: this.#sizeBytes, crc32: this.#crc32 };
  }

  release(): void {
    for (const piece of this.#pieces.splice(0)) piece.slot.release();
  }

  /** The last `lengthBytes` are summed already. */
  #takeSum(sum: number, lengthBytes: number): void {
    this.#crc32 = combineCrc32(this.#crc32, sum, lengthBytes);
    this.#summedBytes = this.#sizeBytes;
    const index = this.#pieces.length - 1;
    const last = this.#pieces[index];
    this.#summedTo = { piece: index, bytes: last ? last.end - last.start : 0 };
  }

  #sum(): void {
    let { piece: index, bytes: summed } = this.#summedTo;
    for (let piece = this.#pieces[index]; piece; piece = this.#pieces[index]) {
      const from = piece.start + summed;
      if (from < piece.end) this.#crc32 = crc32(piece.bytes.subarray(from, piece.end), this.#crc32);
      summed = piece.end - piece.start;
      this.#summedTo = { piece: index, bytes: summed };
      index += 1;
      summed = 0;
    }
    this.#summedBytes = this.#sizeBytes;
  }
}
