/**
 * Moves the bytes of a set from one bucket into the other without looking at them: the same GETs and PUTs as a merge, in the same order, over
 * a client that is given. What a merge does beyond that is its own cost.
 *
 * Invariants: a read lands in the buffer of its part, and the part is written from there; at most `PARTS` buffers are in use.
 */
import { encodeCrc32 } from '../src/stores/crc32.ts';
import type { Chunk, Part, Read } from './work.ts';

type Pairs = readonly (readonly [name: string, value: string])[];

export interface Sending {
  readonly method: 'PUT' | 'POST';
  readonly key: string;
  readonly query: Pairs;
  readonly headers: Pairs;
  readonly body: Buffer;
}

/** Reads from one bucket and writes to another. Anything but success is thrown. */
export interface MovingClient {
  /** Resolves when the range is in `into`, which has its length. */
  get(range: { readonly key: string; readonly etag: string; readonly offset: number; readonly isWhole: boolean }, into: Buffer): Promise<void>;
  send(request: Sending): Promise<{ readonly etag: string; readonly text: string }>;
  close(): void;
}

export interface Load {
  readonly chunks: readonly Chunk[];
  readonly objectBytes: number;
  /** ETags of the sources, by variant. */
  readonly etags: readonly string[];
}

/** Requests at the same time; found by trying. */
const READS = 25;
const WRITES = 6;
const PARTS = 10;
const EMPTY = Buffer.alloc(0);

interface Filling { readonly chunk: Chunk; readonly index: number; readonly part: Part; readonly body: Buffer; started: number; left: number }

interface Upload { readonly id: Promise<string>; readonly etags: string[]; left: number }

/** @returns how many requests it took */
export async function move(client: MovingClient, load: Load): Promise<number> {
  const mover = new Mover(client, load);
  await mover.run();
  return mover.requests;
}

class Mover {
  requests = 0;
  readonly #client: MovingClient;
  readonly #load: Load;
  readonly #parts: Iterator<Omit<Filling, 'body' | 'started' | 'left'>, void>;
  readonly #buffers: Buffer[] = [];
  readonly #uploads = new Map<Chunk, Upload>();
  readonly #full: Filling[] = [];
  #filling: Filling | null = null;
  #beginning: Promise<void> | null = null;
  #inUse = 0;
  #isRead = false;
  #sleeping: (() => void)[] = [];

  constructor(client: MovingClient, load: Load) {
    this.#client = client;
    this.#load = load;
    this.#parts = partsOf(load.chunks);
  }

  async run(): Promise<void> {
    await Promise.all([...Array.from({ length: READS }, () => this.#readAll()), ...Array.from({ length: WRITES }, () => this.#writeAll())]);
  }

  async #readAll(): Promise<void> {
    const { objectBytes, etags } = this.#load;
    for (let taken = await this.#nextRead(); taken; taken = await this.#nextRead()) {
      const { filling, read: { source, offset, lengthBytes, at } } = taken;
      this.requests += 1;
      const range = { key: source.key, etag: etags[source.variant] ?? '', offset, isWhole: lengthBytes === objectBytes };
      await this.#client.get(range, filling.body.subarray(at, at + lengthBytes));
      filling.left -= 1;
      if (filling.left > 0) continue;
      this.#full.push(filling);
      this.#wake();
    }
  }

  async #nextRead(): Promise<{ readonly filling: Filling; readonly read: Read } | null> {
    for (;;) {
      const filling = this.#filling;
      const read = filling?.part.reads[filling.started];
      if (filling && read) {
        filling.started += 1;
        return { filling, read };
      }
      if (this.#isRead) return null;
      this.#beginning ??= this.#begin().finally(() => { this.#beginning = null; });
      await this.#beginning;
    }
  }

  async #begin(): Promise<void> {
    while (this.#inUse >= PARTS) await this.#sleep();
    const next = this.#parts.next().value;
    if (next) {
      this.#inUse += 1;
      const { sizeBytes, reads } = next.part;
      const fitting = this.#buffers.findIndex((buffer) => buffer.length >= sizeBytes);
      const buffer = this.#buffers.splice(fitting, fitting < 0 ? 0 : 1)[0] ?? Buffer.allocUnsafeSlow(sizeBytes);
      this.#filling = { ...next, body: buffer.subarray(0, sizeBytes), started: 0, left: reads.length };
    } else {
      this.#isRead = true;
      this.#wake();
    }
  }

  async #writeAll(): Promise<void> {
    while (!this.#isRead || this.#inUse > 0) {
      const full = this.#full.shift();
      if (!full) {
        await this.#sleep();
        continue;
      }
      await this.#write(full);
      this.#inUse -= 1;
      this.#buffers.push(Buffer.from(full.body.buffer));
      this.#wake();
    }
  }

  async #write({ chunk, index, part, body }: Filling): Promise<void> {
    const { key } = chunk;
    if (chunk.parts.length === 1) {
      await this.#send({ method: 'PUT', key, query: [], headers: [checksum(part.crc32), ['if-none-match', '*']], body });
      return;
    }
    let upload = this.#uploads.get(chunk);
    if (!upload) this.#uploads.set(chunk, upload = { id: this.#beginUpload(key), etags: [], left: chunk.parts.length });
    const uploadId = await upload.id;
    const { etag } = await this.#send({ method: 'PUT', key, query: [['partNumber', String(index + 1)], ['uploadId', uploadId]], headers: [checksum(part.crc32)], body });
    upload.etags[index] = etag;
    upload.left -= 1;
    if (upload.left === 0) await this.#complete(chunk, uploadId, upload.etags);
  }

  async #beginUpload(key: string): Promise<string> {
    const { text } = await this.#send({
      method: 'POST', key, query: [['uploads', '']], headers: [['x-amz-checksum-algorithm', 'CRC32'], ['x-amz-checksum-type', 'FULL_OBJECT']], body: EMPTY,
    });
    const id = /<UploadId>([^<]+)</.exec(text)?.[1];
    if (id === undefined) throw new Error(`no upload of ${key} was begun: ${text}`);
    return id;
  }

  async #complete({ key, parts, crc32 }: Chunk, uploadId: string, etags: readonly string[]): Promise<void> {
    const listed = parts.map((part, at) =>
      `<Part><PartNumber>${at + 1}</PartNumber><ETag>${etags[at] ?? ''}</ETag><ChecksumCRC32>${encodeCrc32(part.crc32)}</ChecksumCRC32></Part>`);
    const { text } = await this.#send({
      method: 'POST', key, query: [['uploadId', uploadId]], headers: [checksum(crc32), ['x-amz-checksum-type', 'FULL_OBJECT'], ['if-none-match', '*']],
      body: Buffer.from(`<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${listed.join('')}</CompleteMultipartUpload>`),
    });
    if (!text.includes('<CompleteMultipartUploadResult')) throw new Error(`the upload of ${key} was not completed: ${text}`);
  }

  #send(request: Sending): ReturnType<MovingClient['send']> {
    this.requests += 1;
    return this.#client.send(request);
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => { this.#sleeping.push(resolve); });
  }

  #wake(): void {
    const sleeping = this.#sleeping;
    this.#sleeping = [];
    for (const wake of sleeping) wake();
  }
}

function* partsOf(chunks: readonly Chunk[]): Generator<Omit<Filling, 'body' | 'started' | 'left'>, void> {
  for (const chunk of chunks) for (const [index, part] of chunk.parts.entries()) yield { chunk, index, part };
}

function checksum(sum: number): readonly [string, string] {
  return ['x-amz-checksum-crc32', encodeCrc32(sum)];
}
