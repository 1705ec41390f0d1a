import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AnswerReader, type HttpAnswer, type Place } from '../../../src/stores/socket/answer-reader.ts';
import { ChunkedDecoder } from '../../../src/stores/socket/body-decoder.ts';
import { MAX_HEAD_BYTES } from '../../../src/stores/socket/head-parser.ts';

interface Outcome { readonly answer?: HttpAnswer; readonly clean?: boolean; readonly error?: string; readonly received: number }

/** Plays the bytes into the reader, in pieces of the given sizes, as a socket would: never more than fits. */
function play(bytes: Buffer, cuts: readonly number[], place: Place): Outcome {
  const reader = new AnswerReader();
  reader.begin(place);
  let at = 0;
  try {
    for (let i = 0; at < bytes.length; i++) {
      const buffer = reader.nextBuffer();
      const piece = bytes.subarray(at, at + Math.min(cuts[i] ?? Infinity, buffer.byteLength));
      buffer.set(piece);
      at += piece.length;
      if (!reader.take(piece.length)) continue;
      const { answer, clean } = reader.finish();
      return { answer, clean: clean && at === bytes.length, received: 0 };
    }
    if (reader.end()) return { ...reader.finish(), received: 0 };
  } catch (error) {
    return { error: (error as Error).message, received: reader.receivedBytes };
  }
  return { error: 'not whole', received: reader.receivedBytes };
}

const collect: Place = () => 2 ** 20;
const http = (head: string, body = ''): Buffer => Buffer.from(`${head.replaceAll('\n', '\r\n')}\r\n\r\n${body}`, 'latin1');
const everyCut = (bytes: Buffer): number[][] => [
  ...Array.from({ length: bytes.length }, (_, at) => [at + 1]),
  Array.from({ length: bytes.length }, () => 1),
];

describe('AnswerReader', () => {
  const texts: Record<string, { readonly bytes: Buffer; readonly body: string; readonly clean: boolean; readonly status?: number }> = {
    'a body with a length': { bytes: http('HTTP/1.1 200 OK\nContent-Length: 5', 'hello'), body: 'hello', clean: true },
    'no body': { bytes: http('HTTP/1.1 200 OK\nContent-Length: 0'), body: '', clean: true },
    'no reason phrase': { bytes: http('HTTP/1.1 200\nContent-Length: 0'), body: '', clean: true },
    'a status that has no body': { bytes: http('HTTP/1.1 204 No Content\nContent-Length: 7'), body: '', clean: true, status: 204 },
    'names in any case, with blanks around values': { bytes: http('HTTP/1.1 200 OK\ncOnTeNt-LENGTH: \t 5 \t', 'hello'), body: 'hello', clean: true },
    'a folded header': { bytes: http('HTTP/1.1 200 OK\nX-Long: one\n  two\n\tthree\nContent-Length: 5', 'hello'), body: 'hello', clean: true },
    'a folded header that is asked for, and one that comes twice': { bytes: http('HTTP/1.1 200 OK\nConnection: x,\n close\nConnection: y\nContent-Length: 5', 'hello'), body: 'hello', clean: false },
    'an empty header at its end': { bytes: http('HTTP/1.1 200 OK\nContent-Length: 5\nETag:', 'hello'), body: 'hello', clean: true },
    'the same length twice': { bytes: http('HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 5', 'hello'), body: 'hello', clean: true },
    'interim answers before it': { bytes: http('HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early Hints\nLink: x\n\nHTTP/1.1 200 OK\nContent-Length: 5', 'hello'), body: 'hello', clean: true },
    'a short answer after a long interim one': { bytes: http(`HTTP/1.1 100 Continue\nX: ${'x'.repeat(50)}\n\nHTTP/1.1 204`), body: '', clean: true, status: 204 },
    'chunks': { bytes: http('HTTP/1.1 200 OK\nTransfer-Encoding: chunked', '3\r\nhel\r\n2;ext="a"\r\nlo\r\n0\r\n\r\n'), body: 'hello', clean: true },
    'chunks with trailers': { bytes: http('HTTP/1.1 200 OK\nTransfer-Encoding: Chunked', 'A\r\n0123456789\r\n0\r\nx-a: b\r\nx-c: d\r\n\r\n'), body: '0123456789', clean: true },
    'a body that ends with the connection': { bytes: http('HTTP/1.1 200 OK\nConnection: close', 'hello'), body: 'hello', clean: false },
    'a server that closes': { bytes: http('HTTP/1.1 200 OK\nconnection: x, CLOSE\nContent-Length: 5', 'hello'), body: 'hello', clean: false },
    'HTTP/1.0': { bytes: http('HTTP/1.0 200 OK\nContent-Length: 5', 'hello'), body: 'hello', clean: false },
    'HTTP/1.0 that keeps alive': { bytes: http('HTTP/1.0 200 OK\nConnection: Keep-Alive\nContent-Length: 5', 'hello'), body: 'hello', clean: true },
    'bytes after its end': { bytes: http('HTTP/1.1 200 OK\nContent-Length: 5', 'helloHTTP/1.1 200 OK'), body: 'hello', clean: false },
    'bytes after the last chunk': { bytes: http('HTTP/1.1 200 OK\nTransfer-Encoding: chunked', '0\r\n\r\nX'), body: '', clean: false },
  };

  for (const [name, { bytes, body, clean, status = 200 }] of Object.entries(texts)) {
    it(`reads ${name}, wherever the bytes are split`, () => {
      for (const cuts of everyCut(bytes)) {
        const outcome = play(bytes, cuts, collect);
        expect({ status: outcome.answer?.head.status, body: Buffer.from(outcome.answer?.body ?? []).toString('latin1'), clean: outcome.clean }).toEqual({ status, body, clean });
      }
    });
  }

  it.each(['ETag:\r\n "a"', 'ETag: \r\n\t"a"\r\n ', 'ETag: "a" \r\n \r\n '])('takes no blank for a part of the value in %j', (header) => {
    const bytes = Buffer.from(`HTTP/1.1 200 OK\r\n${header}\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`);
    for (const cuts of everyCut(bytes)) expect(play(bytes, cuts, collect).answer?.head.headers.etag).toBe('"a"');
  });

  it('reads a long head of short lines, and refuses one that ends with LF alone, however they come', () => {
    const long = `HTTP/1.1 200 OK\n${'a:\n'.repeat(10_000)}Content-Length: 5`;
    const bytes = http(long, 'hello');
    for (const cuts of [[], Array.from({ length: 10_003 }, () => 4), Array.from({ length: bytes.length }, () => 1)]) {
      expect(play(bytes, cuts, collect).answer?.head.status).toBe(200);
      expect(play(Buffer.concat([bytes.subarray(0, 30_000), Buffer.from('b: c\n\n')]), cuts, collect).error).toMatch(/header line/);
    }
  });

  const malformed: Record<string, Buffer> = {
    'does not speak HTTP': Buffer.from('SSH-2.0-OpenSSH_9.2\r\n'),
    'speaks HTTP/2': http('HTTP/2 200\nContent-Length: 0'),
    'has no status': http('HTTP/1.1 OK\nContent-Length: 0'),
    'has two lengths': http('HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 6', 'hello!'),
    'has two lengths in one header': http('HTTP/1.1 200 OK\nContent-Length: 5, 6', 'hello!'),
    'has a negative length': http('HTTP/1.1 200 OK\nContent-Length: -1'),
    'has a length in hex': http('HTTP/1.1 200 OK\nContent-Length: 0x5', 'hello'),
    'has an empty length': http('HTTP/1.1 200 OK\nContent-Length:'),
    'has a length and chunks': http('HTTP/1.1 200 OK\nContent-Length: 5\nTransfer-Encoding: chunked', '0\r\n\r\n'),
    'has another coding': http('HTTP/1.1 200 OK\nTransfer-Encoding: gzip, chunked', '0\r\n\r\n'),
    'switches protocols': http('HTTP/1.1 101 Switching Protocols'),
    'never ends its interim answers': http(Array.from({ length: 1001 }, () => 'HTTP/1.1 100 Continue\n').join('\n')),
    'has a header without a colon': http('HTTP/1.1 200 OK\nContent-Length 5', 'hello'),
    'has a blank in a header name': http('HTTP/1.1 200 OK\nContent-Length : 5', 'hello'),
    'begins with a folded line': http('HTTP/1.1 200 OK\n folded: 1\nContent-Length: 0'),
    'ends header lines with LF alone': Buffer.from('HTTP/1.1 200 OK\r\nA: b\nContent-Length: 0\r\n\r\n'),
    'has a NUL in its status line': http('HTTP/1.1 200 O\0K\nContent-Length: 0'),
    'has a NUL in a header': http('HTTP/1.1 200 OK\nA: \0\nContent-Length: 0'),
    'has a CR in front of a header': Buffer.from('HTTP/1.1 200 OK\r\n\rContent-Length: 0\r\n\r\n'),
    'has a status of four digits': http('HTTP/1.1 2000 OK\nContent-Length: 0'),
    'ends all of its head with LF alone': Buffer.from('HTTP/1.1 200 OK\nContent-Length: 0\n\n'),
    'has a chunk size that is none': http('HTTP/1.1 200 OK\nTransfer-Encoding: chunked', 'xyz\r\n'),
    'has a huge chunk size': http('HTTP/1.1 200 OK\nTransfer-Encoding: chunked', 'fffffffff\r\n'),
    'has a chunk longer than its size': http('HTTP/1.1 200 OK\nTransfer-Encoding: chunked', '3\r\nhello\r\n0\r\n\r\n'),
    'ends a chunk line with LF alone': http('HTTP/1.1 200 OK\nTransfer-Encoding: chunked', '3\nhel\r\n0\r\n\r\n'),
    'has chunk framing without end': http('HTTP/1.1 200 OK\nTransfer-Encoding: chunked', `1;${'e'.repeat(20_000)}\r\n`),
    'has a longer head than is read': http(`HTTP/1.1 200 OK\nX: ${'a'.repeat(MAX_HEAD_BYTES)}\nContent-Length: 0`),
    'has a longer body than is collected': http(`HTTP/1.1 200 OK\nContent-Length: ${2 ** 20 + 1}`),
    'has more in chunks than is collected': http('HTTP/1.1 200 OK\nTransfer-Encoding: chunked', `100001\r\n${'a'.repeat(0x100001)}\r\n0\r\n\r\n`),
    'has more until the end than is collected': http('HTTP/1.1 200 OK', 'a'.repeat(2 ** 20 + 1)),
  };

  for (const [name, bytes] of Object.entries(malformed)) {
    it(`refuses a server that ${name}`, () => {
      for (const cuts of bytes.length > 1000 ? [[], [17, 5], [bytes.length - 1]] : everyCut(bytes)) {
        const { error } = play(bytes, cuts, collect);
        expect(error).toMatch(/HTTP\/1\.1|length|coding|interim|header|framing|chunk|head is longer|body is longer/);
      }
    });
  }

  it('reads a head of the greatest size, and not one byte more', () => {
    const sized = (bytes: number): Buffer => http(`HTTP/1.1 200 OK\nContent-Length: 0\nX: ${'a'.repeat(bytes - http('HTTP/1.1 200 OK\nContent-Length: 0\nX: ').length)}`);
    expect(play(sized(MAX_HEAD_BYTES), [1000], collect).answer?.head.status).toBe(200);
    expect(play(sized(MAX_HEAD_BYTES + 1), [1000], collect).error).toMatch(/head is longer/);
  });

  it('lands a body in the buffer of the caller, touches nothing beside it, and counts what has come', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 3000 }), fc.array(fc.integer({ min: 1, max: 700 })), fc.nat(3500), (body, cuts, comesBytes) => {
      const head = http(`HTTP/1.1 200 OK\nContent-Length: ${body.length}`);
      const slab = Buffer.alloc(body.length + 20, 0xee);
      const bytes = Buffer.concat([head, body]).subarray(0, comesBytes);
      const outcome = play(bytes, cuts, () => slab.subarray(10, 10 + body.length));
      const gotBytes = Math.min(body.length, Math.max(0, comesBytes - head.length));
      expect(slab.subarray(10, 10 + gotBytes).equals(body.subarray(0, gotBytes))).toBe(true);
      expect(slab.every((byte, at) => (at >= 10 && at < 10 + gotBytes) || byte === 0xee)).toBe(true);
      if (bytes.length === head.length + body.length) expect(outcome.clean).toBe(true);
      else expect(outcome).toMatchObject({ error: 'not whole', received: gotBytes });
    }));
  });

  it('refuses a length, a missing one, and chunks where a certain length was asked for, before the buffer is touched', () => {
    for (const bytes of [http('HTTP/1.1 200 OK\nContent-Length: 4', 'hell'), http('HTTP/1.1 200 OK\nContent-Length: 6', 'hello!'), http('HTTP/1.1 200 OK', 'hello'), http('HTTP/1.1 200 OK\nTransfer-Encoding: chunked', '5\r\nhello\r\n0\r\n\r\n')]) {
      const into = Buffer.alloc(5);
      expect(play(bytes, [], () => into).error).toMatch(/where 5 were asked for/);
      expect(into.equals(Buffer.alloc(5))).toBe(true);
    }
  });

  it('joins what random chunks hold, wherever the bytes are split', () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 })), fc.array(fc.integer({ min: 1, max: 100 })), (chunks, cuts) => {
      const framed = chunks.flatMap((chunk) => [Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]);
      const bytes = Buffer.concat([http('HTTP/1.1 200 OK\nTransfer-Encoding: chunked'), ...framed, Buffer.from('0\r\n\r\n')]);
      const { answer, clean } = play(bytes, cuts, collect);
      expect(Buffer.compare(answer?.body ?? Buffer.of(1), Buffer.concat(chunks))).toBe(0);
      expect(clean).toBe(true);
    }));
  });

  it('holds little more of a body than its bytes, also where each is a chunk', () => {
    setFlagsFromString('--expose_gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const heldBytes = (): number => {
      collectGarbage();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    const body = Buffer.alloc(2 ** 18, 'abcdefg');
    const framed = Buffer.from([...body.toString()].map((byte) => `1\r\n${byte}\r\n`).join(''));
    const decoder = new ChunkedDecoder(2 ** 20);
    const before = heldBytes();
    decoder.push(framed);
    expect(heldBytes() - before).toBeLessThan(4 * body.length);
    decoder.push(Buffer.from('0\r\n\r\n'));
    expect(decoder.body().equals(body)).toBe(true);
  });

  it('never hangs, and never throws anything but its own error, on random bytes', () => {
    const alphabet = fc.constantFrom('HTTP/1.1 ', '200', '100', ' OK', '\r\n', '\r', '\n', ': ', 'Content-Length', 'Transfer-Encoding', 'chunked', '5', '0', 'a', ' ', '\0', '\xff');
    fc.assert(fc.property(fc.array(alphabet, { maxLength: 40 }), fc.array(fc.integer({ min: 1, max: 9 })), (words, cuts) => {
      const bytes = Buffer.from(words.join(''), 'latin1');
      const outcome = play(bytes, cuts, collect);
      expect(outcome.answer !== undefined || typeof outcome.error === 'string').toBe(true);
      expect(outcome.error ?? '').not.toMatch(/undefined|null|not a function/);
      // The outcome does not depend on where the bytes were split.
      expect(play(bytes, [], collect).answer?.head.status).toBe(outcome.answer?.head.status);
    }), { numRuns: 2000 });
  });
});
