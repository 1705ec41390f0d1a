import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createDecoder, type CompressedEncoding } from '../../../src/pipeline/decode.ts';

const compress = { gzip: (bytes: Buffer) => gzipSync(bytes), zstd: (bytes: Buffer) => zstdCompressSync(bytes) };

/** Decodes pieces of input; what came out, and the code of the error that ended it. */
async function decode(encoding: CompressedEncoding, pieces: readonly Uint8Array[]): Promise<{ readonly bytes: Buffer; readonly error: string | null }> {
  const out: Buffer[] = [];
  const decoder = createDecoder(encoding, async (bytes) => { out.push(Buffer.from(bytes)); });
  let error: string | null = null;
  try {
    for (const piece of pieces) await decoder.write(piece);
    await decoder.end();
  } catch (thrown) {
    error = (thrown as { code: string }).code;
  } finally {
    decoder.destroy();
  }
  return { bytes: Buffer.concat(out), error };
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const places = [0, ...at.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end)).filter((piece) => piece.length > 0);
}

const text = Buffer.from(Array.from({ length: 60_000 }, (_, line) => `line ${line} ${Math.sin(line)}\n`).join(''));

describe.each(['gzip', 'zstd'] as const)('%s', (encoding) => {
  it('reads every member or frame, wherever the input is cut', async () => {
    const members = fc.array(fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constant(new Uint8Array(70_000).fill(65))), { minLength: 1, maxLength: 5 });
    await fc.assert(fc.asyncProperty(members, fc.array(fc.nat(), { maxLength: 8 }), async (contents, cuts) => {
      const packed = Buffer.concat(contents.map((content) => compress[encoding](Buffer.from(content))));
      expect(await decode(encoding, cut(packed, cuts))).toEqual({ bytes: Buffer.concat(contents), error: null });
    }), { numRuns: 25 });
  });

  it('reads one byte at a time', async () => {
    const packed = Buffer.concat([compress[encoding](Buffer.from('a\nb')), compress[encoding](Buffer.from('')), compress[encoding](Buffer.from('\nc\n'))]);
    expect(await decode(encoding, [...packed].map((byte) => Uint8Array.of(byte)))).toEqual({ bytes: Buffer.from('a\nb\nc\n'), error: null });
  });

  it('takes an empty source for empty', async () => {
    expect(await decode(encoding, [])).toEqual({ bytes: Buffer.alloc(0), error: null });
  });

  it('gives the bytes before the end of a truncated source, and says so', async () => {
    const packed = Buffer.concat([compress[encoding](text), compress[encoding](text)]);
    const { bytes, error } = await decode(encoding, [packed.subarray(0, packed.length - 1000)]);
    expect(error).toBe('TRB-SOURCE-CORRUPT');
    expect(bytes.length).toBeGreaterThan(text.length);
    expect(Buffer.concat([text, text]).subarray(0, bytes.length).equals(bytes)).toBe(true);
  });

  it('notices a source that is cut anywhere', async () => {
    const packed = compress[encoding](Buffer.from('some text that is long enough to be packed, some text that is long enough'));
    for (let length = 1; length < packed.length; length += 1) expect((await decode(encoding, [packed.subarray(0, length)])).error).toBe('TRB-SOURCE-CORRUPT');
  });

  it('refuses what is no such data, and bytes after the last member or frame', async () => {
    expect((await decode(encoding, [Buffer.from('plain text')])).error).toBe('TRB-SOURCE-CORRUPT');
    const packed = compress[encoding](Buffer.from('hello\n'));
    expect((await decode(encoding, [packed, Buffer.from('rest')])).error).toBe('TRB-SOURCE-CORRUPT');
    expect((await decode(encoding, [Buffer.concat([packed, Buffer.from('rest')])])).error).toBe('TRB-SOURCE-CORRUPT');
    expect((await decode(encoding, [packed, Buffer.from('r')])).error).toBe('TRB-SOURCE-CORRUPT');
  });

  it('throws on what the sink throws, and calls it no damage', async () => {
    const stop = new Error('enough');
    const decoder = createDecoder(encoding, () => Promise.reject(stop));
    await expect(decoder.write(compress[encoding](text))).rejects.toBe(stop);
    decoder.destroy();
  });

  it('gives no more than one piece to a slow sink at a time', async () => {
    let running = 0;
    let most = 0;
    const decoder = createDecoder(encoding, async (bytes) => {
      running += 1;
      most = Math.max(most, running);
      expect(bytes.length).toBeLessThanOrEqual(2 * 256 * 1024);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
    });
    await decoder.write(compress[encoding](Buffer.alloc(20 * 2 ** 20, 'abc\n')));
    await decoder.end();
    expect(most).toBe(1);
  });
});

it('passes over zeros after the last gzip member, in one piece or several, and refuses what follows them', async () => {
  const packed = gzipSync(Buffer.from('hello\n'));
  const zeros = Buffer.alloc(3);
  expect(await decode('gzip', [Buffer.concat([packed, zeros])])).toEqual({ bytes: Buffer.from('hello\n'), error: null });
  expect(await decode('gzip', [packed, zeros, zeros])).toEqual({ bytes: Buffer.from('hello\n'), error: null });
  expect((await decode('gzip', [packed, zeros, zeros, packed])).error).toBe('TRB-SOURCE-CORRUPT');
});

it('passes over skippable zstd frames', async () => {
  const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]);
  const packed = zstdCompressSync(Buffer.from('hello\n'));
  expect(await decode('zstd', [Buffer.concat([skippable, packed, skippable, packed, skippable])])).toEqual({ bytes: Buffer.from('hello\nhello\n'), error: null });
});
