/** Collects bodies whose length is not known before: chunked ones, and those that end with the connection. Bounded. */
import { MalformedAnswer } from './head-parser.ts';

/** A size line, or all trailers together, may take this many bytes. */
const MAX_CONTROL_BYTES = 16 * 1024;

const LF = 0x0a;

/** Takes the bytes of one body piece by piece, copies what belongs to it, and knows where it ends. */
export interface BodyDecoder {
  /** @returns how many of these bytes belong to the body, framing included; fewer than all only once `done` */
  push(bytes: Buffer): number;
  readonly done: boolean;
  /** Whether the connection's end here is the body's end. */
  readonly endsWithConnection: boolean;
  body(): Buffer;
}

/** At first; it grows with what comes. */
const ROOM_BYTES = 16 * 1024;

/** In one place: a buffer for each piece would take a hundred times what a body has that comes in chunks of a byte. */
class Pieces {
  readonly #maxBytes: number;
  #room = Buffer.allocUnsafe(ROOM_BYTES);
  #sizeBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(bytes: Buffer): void {
    const sizeBytes = this.#sizeBytes + bytes.length;
    if (sizeBytes > this.#maxBytes) throw new MalformedAnswer(`the answer's body is longer than ${this.#maxBytes} bytes`);
    if (sizeBytes > this.#room.length) {
      const room = Buffer.allocUnsafe(Math.max(sizeBytes, 2 * this.#room.length));
      this.#room.copy(room, 0, 0, this.#sizeBytes);
      this.#room = room;
    }
    bytes.copy(this.#room, this.#sizeBytes);
    this.#sizeBytes = sizeBytes;
  }

  join(): Buffer {
    return this.#room.subarray(0, this.#sizeBytes);
  }
}

/** A body without framing: it ends when the server closes the connection. */
export function untilClose(maxBytes: number): BodyDecoder {
  const pieces = new Pieces(maxBytes);
  return {
    done: false,
    endsWithConnection: true,
    push: (bytes) => {
      pieces.add(bytes);
      return bytes.length;
    },
    body: () => pieces.join(),
  };
}

/** RFC 9112, 7.1. Extensions and trailers are skipped. */
export class ChunkedDecoder implements BodyDecoder {
  readonly endsWithConnection = false;
  readonly #pieces: Pieces;
  /** What comes next: a size line, data, the line end after data, or a trailer line. */
  #state: 'size' | 'data' | 'data-end' | 'trailer' | 'done' = 'size';
  #line = '';
  #controlBytes = 0;
  #chunkBytesLeft = 0;

  constructor(maxBytes: number) {
    this.#pieces = new Pieces(maxBytes);
  }

  get done(): boolean {
    return this.#state === 'done';
  }

  body(): Buffer {
    return this.#pieces.join();
  }

  push(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length && this.#state !== 'done') {
      at += this.#state === 'data' ? this.#takeData(bytes.subarray(at)) : this.#takeLine(bytes.subarray(at));
    }
    return at;
  }

  #takeData(bytes: Buffer): number {
    const taken = Math.min(bytes.length, this.#chunkBytesLeft);
    this.#pieces.add(bytes.subarray(0, taken));
    this.#chunkBytesLeft -= taken;
    if (this.#chunkBytesLeft === 0) this.#state = 'data-end';
    return taken;
  }

  #takeLine(bytes: Buffer): number {
    const end = bytes.indexOf(LF);
    const taken = end < 0 ? bytes.length : end + 1;
    this.#controlBytes += taken;
    if (this.#controlBytes > MAX_CONTROL_BYTES) throw new MalformedAnswer('the framing of a chunked answer is too long');
    this.#line += bytes.toString('latin1', 0, taken);
    if (end < 0) return taken;
    if (!this.#line.endsWith('\r\n')) throw new MalformedAnswer('a line of a chunked answer does not end in CRLF');
    const line = this.#line.slice(0, -2);
    this.#line = '';
    this.#endLine(line);
    return taken;
  }

  #endLine(line: string): void {
    if (this.#state === 'data-end') {
      if (line !== '') throw new MalformedAnswer('a chunk is longer than its size');
      this.#controlBytes = 0;
      this.#state = 'size';
    } else if (this.#state === 'trailer') {
      if (line === '') this.#state = 'done';
    } else {
      const size = /^([0-9a-f]{1,8})[ \t]*(?:;.*)?$/i.exec(line);
      if (!size) throw new MalformedAnswer('a chunked answer has a malformed size');
      this.#chunkBytesLeft = parseInt(size[1] ?? '', 16);
      this.#state = this.#chunkBytesLeft === 0 ? 'trailer' : 'data';
    }
  }
}
