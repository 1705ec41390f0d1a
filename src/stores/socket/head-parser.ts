/** Parses the head of an HTTP/1.1 answer. Strict where leniency would blur where an answer ends; lenient in names' case and folded lines. Pure. */

/** A head, or the heads of interim answers before it, may take this many bytes. */
export const MAX_HEAD_BYTES = 64 * 1024;

export interface Headers {
  /** By lower-case name. Values of a repeated header are joined by `, `. */
  get(name: string): string | undefined;
}

export interface ResponseHead {
  readonly status: number;
  readonly headers: Headers;
  /** Declared length of the body; absent where the answer does not say. */
  readonly contentLength?: number;
  readonly chunked: boolean;
  /** Whether the server keeps the connection after this answer. */
  readonly keepAlive: boolean;
}

/** The server sent something that is not an answer we can read. `message` says what. */
export class MalformedAnswer extends Error {
  override readonly name = 'MalformedAnswer';
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [^\0]*)?$/;
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Header lines as nearly all servers send them: none folded, none malformed. */
const PLAIN_LINES = /^(?:\r\n[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\r\n]*)*$/;
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
  // A foreign protocol is refused at once, else it would be waited for until the time-out.
  if (!'HTTP/1.'.startsWith(bytes.toString('latin1', 0, Math.min(7, lengthBytes)))) throw new MalformedAnswer('the server does not speak HTTP/1.1');
  return -1;
}

/**
 * @param text the head without its closing empty line, decoded as latin1
 * @throws MalformedAnswer
 */
export function parseHead(text: string): ResponseHead {
  let lineEnd = text.indexOf('\r\n');
  if (lineEnd < 0) lineEnd = text.length;
  const statusLine = STATUS_LINE.exec(text.slice(0, lineEnd));
  if (!statusLine) throw new MalformedAnswer('the server does not speak HTTP/1.1');
  const lines = text.slice(lineEnd);
  const headers = PLAIN_LINES.test(lines) ? new PlainHeaders(lines) : parseHeaders(text, lineEnd + 2);
  const coding = headers.get('transfer-encoding');
  const chunked = coding !== undefined;
  if (chunked && coding.toLowerCase() !== 'chunked') throw new MalformedAnswer(`the transfer coding ${JSON.stringify(coding)} is not supported`);
  const contentLength = parseLength(headers.get('content-length'));
  if (chunked && contentLength !== undefined) throw new MalformedAnswer('the answer has both a length and a transfer coding');
  const connection = headers.get('connection')?.toLowerCase();
  const keepAlive = statusLine[1] === '1' ? !hasToken(connection, 'close') : hasToken(connection, 'keep-alive');
  return { status: Number(statusLine[2]), headers, chunked, keepAlive, ...(contentLength === undefined ? {} : { contentLength }) };
}

/** Looks for a header when it is asked for: of the dozen that an answer has, five are. */
class PlainHeaders implements Headers {
  readonly #lines: string;
  readonly #lowerCase: string;

  /** @param lines each with its line end before it */
  constructor(lines: string) {
    this.#lines = lines;
    this.#lowerCase = lines.toLowerCase();
  }

  get(name: string): string | undefined {
    const start = `\r\n${name}:`;
    let found: string | undefined;
    for (let at = this.#lowerCase.indexOf(start); at >= 0; at = this.#lowerCase.indexOf(start, at + start.length)) {
      const end = this.#lines.indexOf('\r\n', at + start.length);
      const value = this.#lines.slice(at + start.length, end < 0 ? undefined : end).trim();
      found = found === undefined ? value : `${found}, ${value}`;
    }
    return found;
  }
}

function parseHeaders(text: string, from: number): Map<string, string> {
  const headers = new Map<string, string>();
  let last = '';
  for (let start = from; start < text.length;) {
    let end = text.indexOf('\n', start) - 1;
    if (end < 0) end = text.length;
    else if (text.charCodeAt(end) !== 0x0d) throw new MalformedAnswer('a header line does not end in CRLF');
    const first = text.charCodeAt(start);
    if (first === 0x20 || first === 0x09) {
      if (last === '') throw new MalformedAnswer('a header line is folded, and there is none before it');
      headers.set(last, `${headers.get(last) ?? ''} ${text.slice(start, end).trim()}`.trim());
    } else {
      const colon = text.indexOf(':', start);
      const name = colon < 0 || colon > end ? '' : text.slice(start, colon).toLowerCase();
      if (!HEADER_NAME.test(name)) throw new MalformedAnswer('the answer has a malformed header line');
      const value = text.slice(colon + 1, end).trim();
      const before = headers.get(name);
      headers.set(name, before === undefined ? value : `${before}, ${value}`);
      last = name;
    }
    start = end + 2;
  }
  return headers;
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
