/** Parses the head of an HTTP/1.1 answer. Strict where leniency would blur where an answer ends; lenient in names' case and in folded lines. Pure. */

/** A head, or the heads of interim answers before it, may take this many bytes. */
export const MAX_HEAD_BYTES = 64 * 1024;

/** The headers that anybody asks for. The others are looked at for their form only. */
const KNOWN = ['date', 'etag', 'connection', 'content-range', 'content-length', 'transfer-encoding', 'x-amz-checksum-crc32', 'x-amz-checksum-type'] as const;

type HeaderName = typeof KNOWN[number];

/** Values of a repeated header are joined by `, `. */
export type Headers = { readonly [name in HeaderName]: string | undefined };

export interface ResponseHead {
  readonly status: number;
  readonly headers: Headers;
  /** Declared length of the body; undefined where the answer does not say. */
  readonly contentLength: number | undefined;
  readonly chunked: boolean;
  /** Whether the server keeps the connection after this answer. */
  readonly keepAlive: boolean;
  /** Of the head itself, its empty line included. */
  readonly sizeBytes: number;
}

/** The server sent something that is not an answer we can read. `message` says what. */
export class MalformedAnswer extends Error {
  override readonly name = 'MalformedAnswer';
}

const [NUL, TAB, LF, CR, BLANK, ZERO, COLON] = [0x00, 0x09, 0x0a, 0x0d, 0x20, 0x30, 0x3a];
/** Of a header's name: whether the character of that code may stand in it (RFC 9110, `tchar`). */
const NAME_CHARACTERS = Uint8Array.from({ length: 256 }, (_, code) => (/[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(code)) ? 1 : 0));
const VERSION = Buffer.from('HTTP/1.');
/** Offsets in a status line: `HTTP/1.x NNN reason`. */
const MINOR_AT = VERSION.length;
const STATUS_AT = MINOR_AT + 2;
const REASON_AT = STATUS_AT + 3;
const LENGTH = /^\d{1,15}$/;

const UNKNOWN = -1;
interface KnownName { readonly index: number; readonly bytes: Buffer }
const NONE: readonly KnownName[] = [];
const KNOWN_BY_LENGTH: readonly (readonly KnownName[])[] = Array.from({ length: 24 }, (_, length) =>
  KNOWN.flatMap((name, index) => (name.length === length ? [{ index, bytes: Buffer.from(name) }] : [])));

/**
 * The head that starts at byte 0, or undefined where it is not complete. One walk over its bytes, in which only the values that somebody asks
 * for become strings: every small read is answered with a head.
 * @param lengthBytes what lies behind is not looked at
 * @throws MalformedAnswer as soon as the bytes cannot become an answer: else it would be waited for until the time-out
 */
export function parseHead(bytes: Buffer, lengthBytes: number): ResponseHead | undefined {
  checkVersion(bytes, lengthBytes);
  const statusEnd = findLineEnd(bytes, 0, lengthBytes);
  if (statusEnd < 0) return undefined;
  const { minor, status } = parseStatusLine(bytes, statusEnd);
  const values: (string | undefined)[] = [undefined, undefined, undefined, undefined, undefined, undefined, undefined, undefined];
  /** Which known header the last line was of. */
  let last: number | undefined;
  for (let start = statusEnd + 2; start < lengthBytes;) {
    const first = bytes[start];
    if (first === CR) {
      if (start + 1 === lengthBytes) return undefined;
      if (bytes[start + 1] !== LF) throw new MalformedAnswer('a header line begins with CR');
      return headOf(status, minor, values, start + 2);
    }
    const isFolded = first === BLANK || first === TAB;
    let colon = start;
    if (!isFolded) while (colon < lengthBytes && NAME_CHARACTERS[bytes[colon] ?? 0] === 1) colon += 1;
    if (colon === lengthBytes) return undefined;
    if (!isFolded && (colon === start || bytes[colon] !== COLON)) throw new MalformedAnswer('the answer has a malformed header line');
    const end = findLineEnd(bytes, colon, lengthBytes);
    if (end < 0) return undefined;
    const index: number | undefined = isFolded ? last : indexOfName(bytes, start, colon);
    if (index === undefined) throw new MalformedAnswer('a header line is folded, and there is none before it');
    if (index !== UNKNOWN) {
      const value = trimmed(bytes, isFolded ? start : colon + 1, end);
      const before = values[index];
      // Blanks around a value are none of it, wherever it is folded.
      values[index] = before === undefined ? value : isFolded ? `${before} ${value}`.trim() : `${before}, ${value}`;
    }
    last = index;
    start = end + 2;
  }
  return undefined;
}

/** Where a line ends that goes on at `from`: the offset of its CRLF, or -1 where that has not come. @throws MalformedAnswer */
function findLineEnd(bytes: Buffer, from: number, lengthBytes: number): number {
  for (let at = from; at < lengthBytes; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte > CR) continue;
    if (byte === NUL) throw new MalformedAnswer('the answer has a NUL in a header line');
    if (byte !== LF) continue;
    if (bytes[at - 1] !== CR) throw new MalformedAnswer('a header line does not end in CRLF');
    return at - 1;
  }
  return -1;
}

function checkVersion(bytes: Buffer, lengthBytes: number): void {
  for (let at = 0; at < VERSION.length && at < lengthBytes; at += 1) if (bytes[at] !== VERSION[at]) throw noHttp();
}

/** The reason comes with or without the space before it. */
function parseStatusLine(bytes: Buffer, end: number): { readonly minor: number; readonly status: number } {
  const minor = digitAt(bytes, MINOR_AT);
  const status = digitAt(bytes, STATUS_AT) * 100 + digitAt(bytes, STATUS_AT + 1) * 10 + digitAt(bytes, STATUS_AT + 2);
  const isRight = end >= REASON_AT && (minor === 0 || minor === 1) && bytes[MINOR_AT + 1] === BLANK && status >= 100 && (end === REASON_AT || bytes[REASON_AT] === BLANK);
  if (!isRight) throw noHttp();
  return { minor, status };
}

/** NaN where it is none. */
function digitAt(bytes: Buffer, at: number): number {
  const digit = (bytes[at] ?? 0) - ZERO;
  return digit >= 0 && digit <= 9 ? digit : Number.NaN;
}

function noHttp(): MalformedAnswer {
  return new MalformedAnswer('the server does not speak HTTP/1.1');
}

/** In KNOWN, or UNKNOWN. */
function indexOfName(bytes: Buffer, start: number, end: number): number {
  const lengthBytes = end - start;
  for (const { index, bytes: name } of KNOWN_BY_LENGTH[lengthBytes] ?? NONE) {
    let at = 0;
    // Setting this bit makes a letter a small one, and leaves digits and dashes as they are.
    while (at < lengthBytes && ((bytes[start + at] ?? 0) | 0x20) === name[at]) at += 1;
    if (at === lengthBytes) return index;
  }
  return UNKNOWN;
}

/** The text of a line without blanks around it. */
function trimmed(bytes: Buffer, start: number, end: number): string {
  let from = start;
  let to = end;
  while (from < to && isBlank(bytes[from])) from += 1;
  while (from < to && isBlank(bytes[to - 1])) to -= 1;
  return bytes.toString('latin1', from, to);
}

function isBlank(byte: number | undefined): boolean {
  return byte === BLANK || byte === TAB;
}

function headOf(status: number, minor: number, values: readonly (string | undefined)[], sizeBytes: number): ResponseHead {
  // In the order of KNOWN.
  const [date, etag, connection, range, length, coding, crc32, crc32Type] = values;
  const headers: Headers = {
    date, etag, connection, 'content-range': range, 'content-length': length, 'transfer-encoding': coding, 'x-amz-checksum-crc32': crc32, 'x-amz-checksum-type': crc32Type,
  };
  const chunked = coding !== undefined;
  if (chunked && coding.toLowerCase() !== 'chunked') throw new MalformedAnswer(`the transfer coding ${JSON.stringify(coding)} is not supported`);
  const contentLength = parseLength(length);
  // Else the two could be read in two ways (RFC 9112, 6.3).
  if (chunked && contentLength !== undefined) throw new MalformedAnswer('the answer has both a length and a transfer coding');
  const tokens = connection?.toLowerCase();
  return { status, headers, chunked, keepAlive: minor === 1 ? !hasToken(tokens, 'close') : hasToken(tokens, 'keep-alive'), contentLength, sizeBytes };
}

/** Repeated lengths that agree are one length. */
function parseLength(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (LENGTH.test(value)) return Number(value);
  const [first = '', ...others] = value.split(',').map((part) => part.trim());
  if (!LENGTH.test(first) || others.some((length) => length !== first)) throw new MalformedAnswer(`the answer declares the length ${JSON.stringify(value)}`);
  return Number(first);
}

function hasToken(list: string | undefined, token: string): boolean {
  return list !== undefined && (list === token || list.split(',').some((part) => part.trim() === token));
}
