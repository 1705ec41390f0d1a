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
  readonly method: 'GET' | 'PUT' | 'POST';
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
  /** The same object for requests that differ in their path, their length and the values of their headers alone: then half of the work is done once. */
  readonly shape?: object | undefined;
}

type Header = UnsignedRequest['headers'][number];

const NO_HEADER: Header = ['', ''];

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

/** What all requests of a form have in common within one second: all but path, length and header values. */
interface Form {
  readonly time: string;
  readonly host: string;
  readonly credentials: Credentials;
  /** Of the values of `headers`, in the order of the sorted names. */
  readonly order: readonly number[];
  /** Of the canonical request: before the path, before each of these values, and the end. */
  readonly canonical: readonly string[];
  /** Of the head: before the path, before each of these values, before the length where there is one, and before the signature. */
  readonly head: readonly string[];
  readonly signature: StringToSign;
}

export function createSigner(region: string): Signer {
  let dayKey: { readonly secret: string; readonly day: string; readonly key: HmacKey } | undefined;
  let second = { at: Number.NaN, text: '' };
  const forms = new WeakMap<object, Form>();

  const timeText = (nowMs: number): string => {
    const at = Math.floor(nowMs / 1000);
    if (at !== second.at) second = { at, text: new Date(at * 1000).toISOString().replaceAll(/[-:]|\.\d+/g, '') };
    return second.text;
  };
  const keyOf = (secret: string, day: string): HmacKey => {
    if (dayKey?.secret !== secret || dayKey.day !== day) dayKey = { secret, day, key: new HmacKey(deriveKey(secret, day, region)) };
    return dayKey.key;
  };

  const formOf = (request: UnsignedRequest, credentials: Credentials, time: string): Form => {
    const { method, host, bodyBytes } = request;
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    const day = time.slice(0, 8);
    const scope = `${day}/${region}/s3/aws4_request`;
    const query = encodeQuery(request.query);
    const fixed: Header[] = [['host', host], ['x-amz-content-sha256', UNSIGNED], ['x-amz-date', time]];
    if (sessionToken !== undefined) fixed.push(['x-amz-security-token', checked('x-amz-security-token', sessionToken)]);
    const sorted = [...request.headers.map(([name], at) => ({ name, at, value: null })), ...fixed.map(([name, value]) => ({ name, at: -1, value }))]
      .sort((a, b) => byCodeUnits(a.name, b.name));
    const signedNames = sorted.map(({ name }) => name).join(';');

    const canonical = [`${method}\n`, `\n${query}\n`];
    const head = [`${method} `, `${query === '' ? '' : `?${query}`} HTTP/1.1\r\n`];
    const append = (pieces: string[], text: string): void => { pieces.push(`${pieces.pop() ?? ''}${text}`); };
    for (const { name, value } of sorted) {
      append(canonical, value === null ? `${name}:` : `${name}:${canonicalValue(value)}\n`);
      append(head, value === null ? `${name}: ` : `${name}: ${value}\r\n`);
      if (value !== null) continue;
      canonical.push('\n');
      head.push('\r\n');
    }
    append(canonical, `\n${signedNames}\n${UNSIGNED}`);
    if (bodyBytes !== undefined) {
      append(head, 'content-length: ');
      head.push('\r\n');
    }
    append(head, `authorization: AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${signedNames}, Signature=`);
    const signature = new StringToSign(keyOf(secretAccessKey, day), `AWS4-HMAC-SHA256\n${time}\n${scope}\n`);
    return { time, host, credentials, order: sorted.flatMap(({ at }) => (at < 0 ? [] : [at])), canonical, head, signature };
  };

  return (request, credentials, nowMs) => {
    const { shape, path, host, headers, bodyBytes } = request;
    const time = timeText(nowMs);
    let form = shape && forms.get(shape);
    if (form?.time !== time || form.host !== host || form.credentials !== credentials) {
      form = formOf(request, credentials, time);
      if (shape) forms.set(shape, form);
    }
    // Few and large pieces: strings that grow by small ones left 6 KB of garbage for each signature.
    let canonical = `${form.canonical[0] ?? ''}${path}${form.canonical[1] ?? ''}`;
    let head = `${form.head[0] ?? ''}${path}${form.head[1] ?? ''}`;
    for (let at = 0; at < form.order.length; at += 1) {
      const [name, value] = headers[form.order[at] ?? 0] ?? NO_HEADER;
      canonical += `${canonicalValue(checked(name, value))}${form.canonical[at + 2] ?? ''}`;
      head += `${value}${form.head[at + 2] ?? ''}`;
    }
    if (bodyBytes !== undefined) head += `${bodyBytes}${form.head.at(-1) ?? ''}`;
    return `${head}${form.signature.sign(hash('sha256', canonical, 'hex'))}\r\n\r\n`;
  };
}

function checked(name: string, value: string): string {
  if (!SAFE_VALUE.test(value)) throw new FallbackError(`the value of ${name} cannot be written in a header as it is`);
  return value;
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
  readonly inner = Buffer.alloc(BLOCK_BYTES, 0x36);
  readonly outer = Buffer.alloc(BLOCK_BYTES, 0x5c);

  /** @param key at most a block long */
  constructor(key: Buffer) {
    for (const [at, byte] of key.entries()) {
      this.inner[at] = byte ^ 0x36;
      this.outer[at] = byte ^ 0x5c;
    }
  }
}

/** A text of which only the end changes, the hash of a request: so what is hashed has its size once and for all. */
class StringToSign {
  readonly #inner: Buffer;
  readonly #outer: Buffer;

  constructor(key: HmacKey, beforeHash: string) {
    this.#inner = Buffer.concat([key.inner, Buffer.from(beforeHash), Buffer.alloc(2 * DIGEST_BYTES)]);
    this.#outer = Buffer.concat([key.outer, Buffer.alloc(DIGEST_BYTES)]);
  }

  /** @param requestHash in hexadecimal digits. @returns the signature, in hexadecimal digits */
  sign(requestHash: string): string {
    this.#inner.write(requestHash, this.#inner.length - 2 * DIGEST_BYTES, 'latin1');
    this.#outer.write(hash('sha256', this.#inner, 'binary'), BLOCK_BYTES, 'latin1');
    return hash('sha256', this.#outer, 'hex');
  }
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
