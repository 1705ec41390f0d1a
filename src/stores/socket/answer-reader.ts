/**
 * Reads one answer after another out of the bytes of a connection, and says where the next bytes shall land. No socket.
 *
 * Owns the buffer that heads are read into and the framing of the answer. Invariants:
 * - `nextBuffer` is asked after each read, once that read was taken. At rest, and when an answer begins, it is the whole
 *   scratch buffer: so no read ever lands in a place that belongs to another answer.
 * - A body of known length lands in its place; only what came in the same read as the head is copied, once.
 */
import { ChunkedDecoder, untilClose, type BodyDecoder } from './body-decoder.ts';
import { MalformedAnswer, MAX_HEAD_BYTES, parseHead, type ResponseHead } from './head-parser.ts';

/** So that what a read brought is still in the core's cache when it is looked at. (Of 1 MiB half is not: measured.) */
const READ_BYTES = 256 * 1024;
/** Gateways keep a Complete of many minutes alive with them. */
const MAX_INTERIM_ANSWERS = 1000;
const NOTHING = Buffer.alloc(0);
const LF = 0x0a;
/** Up to here what cannot become a head is refused with the line that shows it. */
const EAGER_HEAD_BYTES = 4096;

/**
 * Where the body of an answer goes: a buffer that has exactly its length, or how many bytes may be collected. It may throw: the
 * answer is not wanted then.
 */
export type Place = (head: ResponseHead) => Uint8Array | number;

/** Told of a stretch of the buffer of `place`, once it is written, by offsets into the memory that the buffer is a view of. */
export type Landed = (start: number, end: number) => void;

export interface HttpAnswer {
  readonly head: ResponseHead;
  /** In the buffer that `place` gave, or collected. */
  readonly body: Uint8Array;
}

export class AnswerReader {
  readonly #scratch: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(MAX_HEAD_BYTES);
  #phase: 'rest' | 'head' | 'fixed' | 'decode' = 'rest';
  #place: Place | undefined;
  #landed: Landed | undefined;
  #headBytes = 0;
  #interimAnswers = 0;
  #head: ResponseHead | undefined;
  #target: Uint8Array = NOTHING;
  #filledBytes = 0;
  #placed = false;
  #decoder: BodyDecoder | undefined;
  #surplus = false;
  #answered = false;

  begin(place: Place, landed?: Landed): void {
    this.#phase = 'head';
    this.#place = place;
    this.#landed = landed;
    this.#headBytes = this.#interimAnswers = this.#filledBytes = 0;
    this.#placed = this.#surplus = this.#answered = false;
  }

  /** Whether any byte has arrived since `begin`. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Bytes in the buffer that `place` gave. */
  get receivedBytes(): number {
    return this.#placed ? this.#filledBytes : 0;
  }

  /** Whether the head is read and the body is not. */
  get inBody(): boolean {
    return this.#phase === 'fixed' || this.#phase === 'decode';
  }

  /** Where the next read shall land; never empty. */
  nextBuffer(): Uint8Array<ArrayBuffer> {
    // The memory may also be shared, as that of a WebAssembly.Memory; the types of Node's `onread` do not know it.
    if (this.#phase === 'fixed') return this.#target.subarray(this.#filledBytes, this.#filledBytes + READ_BYTES) as Uint8Array<ArrayBuffer>;
    // A view costs as much as the parsing of a header, so none is made of what there is already.
    return this.#phase === 'head' && this.#headBytes > 0 ? this.#scratch.subarray(this.#headBytes) : this.#scratch;
  }

  /**
   * Takes what was read into the last `nextBuffer`.
   * @returns whether the answer is whole
   * @throws MalformedAnswer, and what `place` throws
   */
  take(lengthBytes: number): boolean {
    if (this.#phase === 'rest') throw new MalformedAnswer('the server sent bytes that nobody asked for');
    this.#answered = true;
    if (this.#phase === 'fixed') return this.#fill(lengthBytes);
    if (this.#phase === 'decode') return this.#decode(this.#scratch.subarray(0, lengthBytes));
    return this.#takeHead(lengthBytes);
  }

  /** The connection has ended. @returns whether that is the end of a whole answer */
  end(): boolean {
    this.#surplus = true;
    return this.#phase === 'decode' && this.#decoder?.endsWithConnection === true;
  }

  /** The whole answer, once; nothing of it is kept. `clean`: the connection's next byte is the first of the next answer. */
  finish(): { readonly answer: HttpAnswer; readonly clean: boolean } {
    const head = this.#head;
    if (!head) throw new Error('there is no answer yet');
    const answer = { head, body: this.#decoder ? this.#decoder.body() : this.#target };
    this.reset();
    return { answer, clean: !this.#surplus && head.keepAlive };
  }

  /** Lets go of the caller's buffer. */
  reset(): void {
    this.#phase = 'rest';
    this.#place = this.#landed = this.#head = this.#decoder = undefined;
    this.#target = NOTHING;
    this.#placed = this.#answered = false;
  }

  #takeHead(lengthBytes: number): boolean {
    const before = this.#headBytes;
    this.#headBytes += lengthBytes;
    for (let isWorthIt = this.#mayParse(before); isWorthIt && this.#headBytes > 0;) {
      const head = parseHead(this.#scratch, this.#headBytes);
      if (!head) break;
      if (head.status >= 200) return this.#beginBody(head);
      if (head.status === 101 || ++this.#interimAnswers > MAX_INTERIM_ANSWERS) throw new MalformedAnswer(`the server sent an interim answer ${head.status} that nobody asked for`);
      this.#scratch.copyWithin(0, head.sizeBytes, this.#headBytes);
      this.#headBytes -= head.sizeBytes;
    }
    if (this.#headBytes === MAX_HEAD_BYTES) throw new MalformedAnswer(`the answer's head is longer than ${MAX_HEAD_BYTES} bytes`);
    return false;
  }

  /** A head is parsed from its start: so not for each byte of one that comes byte by byte, nor for each line of a long one. @param before bytes that were there */
  #mayParse(before: number): boolean {
    if (before === 0) return true;
    if (before < EAGER_HEAD_BYTES) return this.#scratch.subarray(before, this.#headBytes).includes(LF);
    const fresh = this.#scratch.subarray(before - 3, this.#headBytes);
    return fresh.includes('\r\n\r\n') || fresh.includes('\n\n');
  }

  /** What came along with the head is in the scratch buffer, behind it. */
  #beginBody(head: ResponseHead): boolean {
    const from = head.sizeBytes;
    const restBytes = this.#headBytes - from;
    const place = this.#place?.(head) ?? 0;
    const declaredBytes = head.status === 204 || head.status === 304 ? 0 : head.contentLength;
    this.#head = head;
    if (typeof place === 'number') {
      if (declaredBytes === undefined) return this.#beginDecoding(head.chunked ? new ChunkedDecoder(place) : untilClose(place), this.#scratch.subarray(from, this.#headBytes));
      if (declaredBytes > place) throw new MalformedAnswer(`the answer's body is longer than ${place} bytes`);
      this.#target = Buffer.allocUnsafe(declaredBytes);
    } else {
      if (declaredBytes !== place.byteLength) throw new MalformedAnswer(`the answer declares ${declaredBytes ?? 'no'} bytes where ${place.byteLength} were asked for`);
      this.#target = place;
      this.#placed = true;
    }
    this.#surplus = restBytes > declaredBytes;
    this.#phase = 'fixed';
    return this.#fill(this.#scratch.copy(this.#target, 0, from, from + Math.min(restBytes, declaredBytes)));
  }

  /** So many bytes were written into the target. */
  #fill(lengthBytes: number): boolean {
    const start = this.#target.byteOffset + this.#filledBytes;
    this.#filledBytes += lengthBytes;
    if (this.#placed && lengthBytes > 0) this.#landed?.(start, start + lengthBytes);
    return this.#filledBytes === this.#target.byteLength;
  }

  #beginDecoding(decoder: BodyDecoder, rest: Buffer): boolean {
    this.#decoder = decoder;
    this.#phase = 'decode';
    return this.#decode(rest);
  }

  #decode(bytes: Buffer): boolean {
    const decoder = this.#decoder;
    const takenBytes = decoder?.push(bytes) ?? 0;
    this.#surplus = takenBytes < bytes.length;
    return decoder?.done === true;
  }
}
