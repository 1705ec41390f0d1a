/** Parses the head of an HTTP/1.1 answer. Strict where leniency would blur where an answer ends; lenient in names' case and in folded lines. Pure. */

/** A head, or the heads of interim answers before it, may take this many bytes. */
export const MAX_HEAD_BYTES = 64 * 1024;

/** The headers that anybody asks for. The others are looked at for their form only. */
const KNOWN = ['date', 'etag', 'connection', 'content-range', 'content-length', 'transfer-encoding', 'x-amz-checksum-crc32', 'x-amz-checksum-type'] as const;

export type HeaderName = typeof KNOWN[number];

/** Values of a repeated header are joined by `, `. */
export type Headers = { readonly [name in HeaderName]?: string };

export interface ResponseHead {
  readonly status: number;
  readonly headers: Headers;
  /** Declared length of the body; undefined where the answer does not say. */
  readonly contentLength: number | undefined;
  readonly chunked: boolean;
  /** Whether the server keeps the connection after this answer. */
  readonly keepAlive: boolean;
}

/** The server sent something that is not an answer we can read. `message` says what. */
export class MalformedAnswer extends Error {
  override readonly name = 'MalformedAnswer';
}

/** Of a header's name: whether the character of that code may stand in it (RFC 9110, `tchar`). */
const NAME_CHARACTERS = Uint8Array.from({ length: 256 }, (_, code) => (/[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(code)) ? 1 : 0));
const STATUS = /^[1-9]\d\d$/;
const NONE: readonly HeaderName[] = [];
const KNOWN_BY_LENGTH: readonly (readonly HeaderName[])[] = Array.from({ length: 24 }, (_, length) => KNOWN.filter((name) => name.length === length));
const LENGTH = /^\d{1,15}$/;

/**
 * Where a head ends that starts at byte 0: the offset after its empty line, or -1 where it is not complete.
 * @param searchedBytes bytes that an earlier call has looked at already
 * @throws MalformedAnswer as soon as the bytes cannot become an answer
 */
export function findHeadEnd(bytes: Buffer, lengthBytes: number, searchedBytes: number): number {
  const end = bytes.indexOf('\r\n\r\n', Math.max(0, searchedBytes - 3), 'latin1');
  // What lies behind `lengthBytes` is of an answer before.
  if (end >= 0 && end + 4 <= lengthBytes) return end + 4;
  // What can become no head is refused at once, else it would be waited for until the time-out.
  const bare = bytes.indexOf('\n\n', Math.max(0, searchedBytes - 1), 'latin1');
  if (bare >= 0 && bare + 2 <= lengthBytes) throw new MalformedAnswer('a header line does not end in CRLF');
  if (!'HTTP/1.'.startsWith(bytes.toString('latin1', 0, Math.min(7, lengthBytes)))) throw new MalformedAnswer('the server does not speak HTTP/1.1');
  return -1;
}

/**
 * @param text the head without its closing empty line, decoded as latin1
 * @throws MalformedAnswer
 */
export function parseHead(text: string): ResponseHead {
  const lineEnd = text.indexOf('\r\n');
  const { minor, status } = parseStatusLine(text, lineEnd < 0 ? text.length : lineEnd);
  const headers = lineEnd < 0 ? {} : parseHeaders(text, lineEnd + 2);
  const coding = headers['transfer-encoding'];
  const chunked = coding !== undefined;
  if (chunked && coding.toLowerCase() !== 'chunked') throw new MalformedAnswer(`the transfer coding ${JSON.stringify(coding)} is not supported`);
  const contentLength = parseLength(headers['content-length']);
  if (chunked && contentLength !== undefined) throw new MalformedAnswer('the answer has both a length and a transfer coding');
  const connection = headers.connection?.toLowerCase();
  const keepAlive = minor === '1' ? !hasToken(connection, 'close') : hasToken(connection, 'keep-alive');
  return { status, headers, chunked, keepAlive, contentLength };
}

/** `HTTP/1.x NNN reason`, the reason with or without the space before it. */
function parseStatusLine(text: string, end: number): { readonly minor: string; readonly status: number } {
  const minor = text.charAt(7);
  const status = Number(text.slice(9, 12));
  const isRight = text.startsWith('HTTP/1.') && (minor === '0' || minor === '1') && text.charAt(8) === ' ' && end >= 12 && STATUS.test(text.slice(9, 12))
    && (end === 12 || text.charAt(12) === ' ') && !text.includes('\0');
  if (!isRight) throw new MalformedAnswer('the server does not speak HTTP/1.1');
  return { minor, status };
}

/** One walk over the lines, in which only the values that somebody asks for become strings: a small read is answered with a dozen of them. */
function parseHeaders(text: string, from: number): Headers {
  const headers: { [name in HeaderName]?: string } = {};
  let last: HeaderName | null | undefined;
  for (let start = from; start < text.length;) {
    let end = text.indexOf('\n', start) - 1;
    if (end < 0) end = text.length;
    else if (text.charCodeAt(end) !== 0x0d) throw new MalformedAnswer('a header line does not end in CRLF');
    const first = text.charCodeAt(start);
    if (first === 0x20 || first === 0x09) {
      if (last === undefined) throw new MalformedAnswer('a header line is folded, and there is none before it');
      if (last) headers[last] = `${headers[last] ?? ''} ${text.slice(start, end).trim()}`.trim();
    } else {
      let colon = start;
      while (colon < end && NAME_CHARACTERS[text.charCodeAt(colon)] === 1) colon += 1;
      if (colon === start || colon === end || text.charCodeAt(colon) !== 0x3a) throw new MalformedAnswer('the answer has a malformed header line');
      last = knownName(text, start, colon);
      if (last) {
        const value = text.slice(colon + 1, end).trim();
        const before = headers[last];
        headers[last] = before === undefined ? value : `${before}, ${value}`;
      }
    }
    start = end + 2;
  }
  return headers;
}

function knownName(text: string, start: number, end: number): HeaderName | null {
  for (const name of KNOWN_BY_LENGTH[end - start] ?? NONE) {
    let at = 0;
    // Setting this bit makes a letter a small one, and leaves digits and dashes as they are.
    while (at < name.length && (text.charCodeAt(start + at) | 0x20) === name.charCodeAt(at)) at += 1;
    if (at === name.length) return name;
  }
  return null;
}

/** Repeated lengths that agree are one length. */
function parseLength(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const lengths = value.includes(',') ? value.split(',').map((part) => part.trim()) : [value];
  const [first = ''] = lengths;
  if (!LENGTH.test(first) || lengths.some((length) => length !== first)) throw new MalformedAnswer(`the answer declares the length ${JSON.stringify(value)}`);
  return Number(first);
}

function hasToken(list: string | undefined, token: string): boolean {
  return list !== undefined && (list === token || list.split(',').some((part) => part.trim() === token));
}
