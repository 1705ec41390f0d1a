/**
 * AWS Signature Version 4 in headers, for S3 and bodies that are not hashed: one SHA-256 and one HMAC a request.
 * Source: "Signature Version 4 signing process" of the IAM and S3 API references.
 */
import { createHmac, hash } from 'node:crypto';
import { FallbackError } from './failure.ts';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface UnsignedRequest {
  readonly method: 'GET' | 'PUT';
  /** As the `Host` header has it. */
  readonly host: string;
  /** Encoded, with its leading slash. */
  readonly path: string;
  /** Not encoded. */
  readonly query: readonly (readonly [name: string, value: string])[];
  /** Names in lower case, each once; without those that signing and framing add. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Length of the body; absent where there is none. */
  readonly bodyBytes?: number | undefined;
}

/** Returns the head of the signed request: request line, headers, empty line. @throws FallbackError for what cannot be written in a header */
export type Signer = (request: UnsignedRequest, credentials: Credentials, nowMs: number) => string;

const SAFE_PATH = /^[A-Za-z0-9\-._~/]*$/;
const SAFE_TEXT = /^[A-Za-z0-9\-._~]*$/;
/** What may stand in a header value: no line end, nothing that is encoded in more than one way. */
const SAFE_VALUE = /^[\x20-\x7e]*$/;
const UNSIGNED = 'UNSIGNED-PAYLOAD';

/** Encodes each byte of the UTF-8 of a key but unreserved ones and slashes; nothing is normalised. @throws FallbackError for lone surrogates */
export function encodeKey(key: string): string {
  return SAFE_PATH.test(key) ? key : encodeText(key).replaceAll('%2F', '/');
}

/** Encodes each byte of the UTF-8 of a text but unreserved ones. @throws FallbackError for lone surrogates */
export function encodeText(text: string): string {
  if (SAFE_TEXT.test(text)) return text;
  if (!text.isWellFormed()) throw new FallbackError('a key or parameter is no Unicode text');
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** A query string in the order that signing wants: by encoded name, then value. Without the question mark. */
export function encodeQuery(query: readonly (readonly [string, string])[]): string {
  if (query.length === 0) return '';
  const encoded = query.map(([name, value]) => [encodeText(name), encodeText(value)] as const);
  return encoded.sort((a, b) => byCodeUnits(a[0], b[0]) || byCodeUnits(a[1], b[1])).map(([name, value]) => `${name}=${value}`).join('&');
}

export function createSigner(region: string): Signer {
  let dayKey: { readonly secret: string; readonly day: string; readonly key: HmacKey } | undefined;
  let second = { at: Number.NaN, text: '' };

  const timeText = (nowMs: number): string => {
    const at = Math.floor(nowMs / 1000);
    if (at !== second.at) second = { at, text: new Date(at * 1000).toISOString().replaceAll(/[-:]|\.\d+/g, '') };
    return second.text;
  };
  const keyOf = (secret: string, day: string): HmacKey => {
    if (dayKey?.secret !== secret || dayKey.day !== day) dayKey = { secret, day, key: new HmacKey(deriveKey(secret, day, region)) };
    return dayKey.key;
  };

  // Used again for each request, and joined at once: strings that grow piece by piece left 6 KB of garbage for each signature.
  const names: string[] = [];
  const values: string[] = [];
  const pieces: string[] = [];

  const add = (name: string, value: string): void => {
    if (!SAFE_VALUE.test(value)) throw new FallbackError(`the value of ${name} cannot be written in a header as it is`);
    let at = names.length;
    for (; at > 0 && byCodeUnits(names[at - 1] ?? '', name) > 0; at -= 1) {
      names[at] = names[at - 1] ?? '';
      values[at] = values[at - 1] ?? '';
    }
    names[at] = name;
    values[at] = value;
  };
  const joined = (): string => {
    const text = pieces.join('');
    pieces.length = 0;
    return text;
  };

  return (request, credentials, nowMs) => {
    const { method, path, bodyBytes } = request;
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    const time = timeText(nowMs);
    const day = time.slice(0, 8);
    const scope = `${day}/${region}/s3/aws4_request`;
    const query = encodeQuery(request.query);
    names.length = values.length = pieces.length = 0;
    for (const [name, value] of request.headers) add(name, value);
    add('host', request.host);
    add('x-amz-content-sha256', UNSIGNED);
    add('x-amz-date', time);
    if (sessionToken !== undefined) add('x-amz-security-token', sessionToken);
    const signedNames = names.join(';');

    pieces.push(method, '\n', path, '\n', query, '\n');
    for (let at = 0; at < names.length; at += 1) pieces.push(names[at] ?? '', ':', canonicalValue(values[at] ?? ''), '\n');
    pieces.push('\n', signedNames, '\n', UNSIGNED);
    const requestHash = hash('sha256', joined(), 'hex');
    pieces.push('AWS4-HMAC-SHA256\n', time, '\n', scope, '\n', requestHash);
    const signature = keyOf(secretAccessKey, day).sign(joined());

    pieces.push(method, ' ', path, query === '' ? '' : '?', query, ' HTTP/1.1\r\n');
    for (let at = 0; at < names.length; at += 1) pieces.push(names[at] ?? '', ': ', values[at] ?? '', '\r\n');
    if (bodyBytes !== undefined) pieces.push('content-length: ', String(bodyBytes), '\r\n');
    pieces.push('authorization: AWS4-HMAC-SHA256 Credential=', accessKeyId, '/', scope, ', SignedHeaders=', signedNames, ', Signature=', signature, '\r\n\r\n');
    return joined();
  };
}

/** Without spaces around it, and with single ones inside. */
function canonicalValue(value: string): string {
  return value.includes(' ') ? value.trim().replaceAll(/ {2,}/g, ' ') : value;
}

function deriveKey(secret: string, day: string, region: string): Buffer {
  let key: Buffer = Buffer.from(`AWS4${secret}`);
  for (const step of [day, region, 's3', 'aws4_request']) key = createHmac('sha256', key).update(step).digest();
  return key;
}

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;

/**
 * HMAC-SHA256 (RFC 2104) as two hashes at one go, each of a block made of the key and what follows: half as dear as an `Hmac`, which is an object
 * outside the heap for every signature.
 */
class HmacKey {
  #inner: Buffer;
  readonly #outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES, 0x5c);

  /** @param key at most a block long */
  constructor(key: Buffer) {
    this.#inner = Buffer.alloc(8 * BLOCK_BYTES, 0x36);
    for (const [at, byte] of key.entries()) {
      this.#inner[at] = byte ^ 0x36;
      this.#outer[at] = byte ^ 0x5c;
    }
  }

  /** In hexadecimal digits. */
  sign(text: string): string {
    const neededBytes = BLOCK_BYTES + Buffer.byteLength(text);
    if (neededBytes > this.#inner.length) this.#inner = Buffer.concat([this.#inner.subarray(0, BLOCK_BYTES)], 2 * neededBytes);
    this.#inner.write(text, BLOCK_BYTES);
    this.#outer.write(hash('sha256', this.#inner.subarray(0, neededBytes), 'binary'), BLOCK_BYTES, 'latin1');
    return hash('sha256', this.#outer, 'hex');
  }
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
