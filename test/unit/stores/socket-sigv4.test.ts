import { describe, expect, it } from '@jest/globals';
import { S3Client } from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { FallbackError } from '../../../src/stores/socket/failure.ts';
import { createSigner, encodeKey, encodeQuery, encodeText, type UnsignedRequest } from '../../../src/stores/socket/sigv4.ts';

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const nowMs = Date.UTC(2026, 1, 3, 4, 5, 6, 789);

function headersOf(head: string): Record<string, string> {
  expect(head.endsWith('\r\n\r\n')).toBe(true);
  return Object.fromEntries(head.trimEnd().split('\r\n').slice(1).map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]));
}

async function reference(request: UnsignedRequest, region: string, identity: typeof credentials & { sessionToken?: string }, key: string): Promise<string | undefined> {
  const signer = await new S3Client({ region, credentials: identity }).config.signer();
  const signed = await signer.sign({
    method: request.method, protocol: 'http:', hostname: 'unused', path: `/bucket/${key.split('/').map((part) => encodeURIComponent(part).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)).join('/')}`,
    query: Object.fromEntries(request.query),
    headers: { ...Object.fromEntries(request.headers), host: request.host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
  }, { signingDate: new Date(nowMs), signingRegion: region, signingService: 's3' });
  return signed.headers['authorization'];
}

const text = fc.string({ unit: 'binary', maxLength: 40 });
const headerValue = fc.string({ unit: fc.constantFrom(...Array.from({ length: 95 }, (_, i) => String.fromCharCode(0x20 + i))), maxLength: 30 });
const name = fc.stringMatching(/^[a-z][a-z-]{0,15}$/);

describe('createSigner', () => {
  it('signs as the SDK does: any key, query, header, region, with and without a session token', async () => {
    await fc.assert(fc.asyncProperty(
      fc.record({
        method: fc.constantFrom('GET' as const, 'PUT' as const),
        key: fc.oneof(text, fc.constantFrom('a//b', '../x', './y', 'x/../y', '/lead', 'trail/', 'a+b c', 'ü/\u{1F600}', '~._-', "!'()*", '%2F%25', '\u0000\u0001')),
        query: fc.dictionary(fc.oneof(text.filter((t) => t !== '' && t !== '__proto__'), fc.constantFrom('a', 'a-', 'A', 'list-type', 'prefix')), text, { maxKeys: 6, noNullPrototype: true }),
        headers: fc.dictionary(name.map((n) => `x-amz-${n}`), headerValue, { maxKeys: 4, noNullPrototype: true }),
        region: fc.constantFrom('us-east-1', 'eu-central-1', 'auto'),
        sessionToken: fc.option(fc.base64String({ minLength: 4 }), { nil: undefined }),
      }),
      async ({ method, key, query, headers, region, sessionToken }) => {
        const identity = { ...credentials, ...(sessionToken === undefined ? {} : { sessionToken }) };
        const request: UnsignedRequest = { method, host: 'localhost:9000', path: `/bucket/${encodeKey(key)}`, query: Object.entries(query), headers: [...Object.entries(headers), ['if-match', '"e"']] };
        const head = createSigner(region)(request, identity, nowMs);
        expect(headersOf(head)['authorization']).toBe(await reference(request, region, identity, key));
      },
    ), { numRuns: 300 });
  });

  it('writes the head whole: request line, sorted headers, length, time', () => {
    const sign = createSigner('us-east-1');
    const request: UnsignedRequest = { method: 'PUT', host: 'h', path: '/b/k', query: [['uploadId', 'u/1'], ['partNumber', '2']], headers: [['x-amz-checksum-crc32', 'AAAAAA==']], bodyBytes: 0 };
    const head = sign(request, { ...credentials, sessionToken: 'token' }, nowMs);
    expect(head.split('\r\n').map((line) => line.replace(/Signature=[0-9a-f]{64}$/, 'Signature=…'))).toEqual([
      'PUT /b/k?partNumber=2&uploadId=u%2F1 HTTP/1.1', 'host: h', 'x-amz-checksum-crc32: AAAAAA==', 'x-amz-content-sha256: UNSIGNED-PAYLOAD', 'x-amz-date: 20260203T040506Z',
      'x-amz-security-token: token', 'content-length: 0',
      'authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260203/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-checksum-crc32;x-amz-content-sha256;x-amz-date;x-amz-security-token, Signature=…',
      '', '',
    ]);
    expect(sign({ ...request, method: 'GET', query: [], bodyBytes: undefined }, credentials, nowMs)).not.toContain('content-length');
  });

  it('takes a new key on a new day and for a new secret', () => {
    const sign = createSigner('us-east-1');
    const request: UnsignedRequest = { method: 'GET', host: 'h', path: '/', query: [], headers: [] };
    const other = { ...credentials, secretAccessKey: 'other' };
    const heads = [[credentials, nowMs], [credentials, nowMs + 86_400_000], [other, nowMs], [credentials, nowMs]] as const;
    const [first, tomorrow, another, again] = heads.map(([identity, at]) => sign(request, identity, at));
    expect(again).toBe(first);
    expect(new Set([first, tomorrow, another]).size).toBe(3);
    expect(tomorrow).toBe(createSigner('us-east-1')(request, credentials, nowMs + 86_400_000));
    expect(another).toBe(createSigner('us-east-1')(request, other, nowMs));
  });

  it('signs requests of one shape as if it knew none before, whatever else changes between them: time, host, credentials, path, length, values', () => {
    const identities = [credentials, { ...credentials, sessionToken: 'token' }, { ...credentials, sessionToken: 'another' }, { ...credentials, secretAccessKey: 'other' }];
    const shapes = [['if-match', 'range'], ['x-amz-meta-b', 'host-id', 'x-amz-meta-a'], []].flatMap((names) => [false, true].map((hasBody) => ({ shape: {}, names, hasBody })));
    const step = fc.record({
      form: fc.constantFrom(...shapes), identity: fc.constantFrom(...identities), host: fc.constantFrom('logs.example.com', 'other.example.com'),
      path: fc.constantFrom('/', '/a%20b'), values: fc.array(headerValue, { minLength: 3, maxLength: 3 }), afterMs: fc.constantFrom(0, 1, 1_000, -1_000, 86_400_000), lengthBytes: fc.nat(),
    });
    fc.assert(fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const sign = createSigner('us-east-1');
      for (const { form: { shape, names, hasBody }, identity, host, path, values, afterMs, lengthBytes } of steps) {
        const request: UnsignedRequest = {
          method: hasBody ? 'PUT' : 'GET', host, path, query: [], headers: names.map((header, at) => [header, values[at] ?? '']), ...(hasBody && { bodyBytes: lengthBytes }),
        };
        expect(sign({ ...request, shape }, identity, nowMs + afterMs)).toBe(createSigner('us-east-1')(request, identity, nowMs + afterMs));
      }
    }));
  });

  it('refuses what would end a header, or what servers decode in more than one way', () => {
    for (const value of ['a\r\nx-amz-acl: public-read', 'a\nb', 'tab\t', 'ü', '\0', '\x7f']) {
      expect(() => createSigner('us-east-1')({ method: 'GET', host: 'h', path: '/', query: [], headers: [['x-amz-meta-a', value]] }, credentials, nowMs)).toThrow(FallbackError);
    }
  });
});

describe('encoding', () => {
  it('encodes every byte but unreserved ones, and keeps slashes of keys only', () => {
    expect(encodeKey("a b+ü/'(1)*!~._-/%")).toBe('a%20b%2B%C3%BC/%27%281%29%2A%21~._-/%25');
    expect(encodeText('a/b')).toBe('a%2Fb');
    expect(encodeKey('plain/key-1_2.log')).toBe('plain/key-1_2.log');
  });

  it('is undone by decoding, for any text', () => {
    fc.assert(fc.property(text, (key) => {
      expect(decodeURIComponent(encodeKey(key))).toBe(key);
      expect(encodeKey(key)).toMatch(/^(?:[A-Za-z0-9\-._~/]|%[0-9A-F]{2})*$/);
      expect(encodeText(key)).toMatch(/^(?:[A-Za-z0-9\-._~]|%[0-9A-F]{2})*$/);
    }));
  });

  it('refuses lone surrogates, which have no UTF-8', () => {
    expect(() => encodeKey('a\ud800b')).toThrow(FallbackError);
  });

  it('sorts parameters by encoded name', () => {
    expect(encodeQuery([['b', '2'], ['a-', ''], ['a', '1'], ['A', '0']])).toBe('A=0&a=1&a-=&b=2');
  });
});
