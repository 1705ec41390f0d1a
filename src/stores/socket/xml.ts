/**
 * Reads the XML answers of the hot verbs by scanning, without a document tree: a page of ListObjectsV2, what is said of an upload, and an
 * error. What a scan cannot be sure of is refused. Pure.
 */
import type { ListedObject, ListPage } from '../object-store.ts';
import { MalformedAnswer } from './head-parser.ts';

const TEXT_ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Walks over tags. Elements of the same name are never nested in what it reads. */
class Scanner {
  readonly #xml: string;
  #at = 0;

  constructor(xml: string) {
    this.#xml = xml;
  }

  /** Name of the next tag; a closing one begins with a slash, an empty element's name ends with one. */
  next(): string {
    const open = this.#xml.indexOf('<', this.#at) + 1;
    const close = this.#xml.indexOf('>', open);
    if (open === 0 || close < 0) throw new MalformedAnswer('the answer is cut off');
    this.#at = close + 1;
    const name = this.#xml.slice(open, close);
    const space = name.indexOf(' ');
    return space < 0 ? name : `${name.slice(0, space)}${name.endsWith('/') ? '/' : ''}`;
  }

  /** Text of the element that was just opened, as it stands; goes past its closing tag. */
  text(name: string): string {
    const start = this.#at;
    const end = this.#xml.indexOf('<', start);
    if (!this.#xml.startsWith(name, end + 2) || this.#xml.charCodeAt(end + 1) !== SLASH) throw new MalformedAnswer(`the answer has more than text in ${name}`);
    this.#at = end + name.length + 3;
    return this.#xml.slice(start, end);
  }

  skip(name: string): void {
    if (name.endsWith('/')) return;
    const end = this.#xml.indexOf(`</${name}>`, this.#at);
    if (end < 0) throw new MalformedAnswer(`the answer does not close ${name}`);
    this.#at = end + name.length + 3;
  }
}

const SLASH = 0x2f;

/** @throws MalformedAnswer where the page is not whole, or an entry lacks key, size, ETag or time */
export function readListPage(xml: string): ListPage {
  const scanner = new Scanner(xml);
  const decode = xml.includes('<EncodingType>url</EncodingType>') ? decodeUrlText : decodeEntities;
  const objects: ListedObject[] = [];
  const prefixes: string[] = [];
  let truncated = '';
  let token = '';
  let root = scanner.next();
  if (root.startsWith('?xml')) root = scanner.next();
  if (root !== 'ListBucketResult') throw new MalformedAnswer(`the answer is ${root} where ListBucketResult was expected`);
  for (let name = scanner.next(); name !== '/ListBucketResult'; name = scanner.next()) {
    if (name === 'Contents') objects.push(readObject(scanner, decode));
    else if (name === 'CommonPrefixes') prefixes.push(readPrefix(scanner, decode));
    else if (name === 'IsTruncated') truncated = scanner.text(name).trim();
    else if (name === 'NextContinuationToken') token = decodeEntities(scanner.text(name));
    else scanner.skip(name);
  }
  if (truncated === 'false') return { objects, prefixes };
  if (truncated !== 'true') throw new MalformedAnswer('the listing does not say whether it is cut off');
  if (token === '') throw new MalformedAnswer('the listing is cut off and names no next page');
  return { objects, prefixes, next: token };
}

type Decode = (text: string) => string;

function readObject(scanner: Scanner, decode: Decode): ListedObject {
  let key: string | undefined;
  let etag: string | undefined;
  let sizeBytes = Number.NaN;
  let modifiedMs = Number.NaN;
  for (let name = scanner.next(); name !== '/Contents'; name = scanner.next()) {
    if (name === 'Key') key = decode(scanner.text(name));
    else if (name === 'LastModified') modifiedMs = readTimeMs(scanner.text(name));
    else if (name === 'ETag') etag = decodeEntities(scanner.text(name));
    else if (name === 'Size') sizeBytes = readSize(scanner.text(name));
    else scanner.skip(name);
  }
  if (key === undefined || etag === undefined || Number.isNaN(sizeBytes) || Number.isNaN(modifiedMs)) {
    throw new MalformedAnswer('the listing has an entry without key, size, ETag or time');
  }
  return { key, sizeBytes, etag, modifiedMs };
}

function readPrefix(scanner: Scanner, decode: Decode): string {
  let prefix: string | undefined;
  for (let name = scanner.next(); name !== '/CommonPrefixes'; name = scanner.next()) {
    if (name === 'Prefix') prefix = decode(scanner.text(name));
    else scanner.skip(name);
  }
  if (prefix === undefined) throw new MalformedAnswer('the listing has a common prefix without a name');
  return prefix;
}

function readSize(text: string): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
}

function readTimeMs(text: string): number {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/.test(text) ? Date.parse(text) : Number.NaN;
}

export interface ErrorAnswer { readonly code: string | undefined; readonly message: string | undefined }

/** Whether a body is an S3 error: text of any other answer has its angle brackets escaped. */
export function isError(xml: string): boolean {
  return /<Error[\s>]/.test(xml);
}

/** Code and message of an error; both absent where the body is no S3 error. */
export function readError(xml: string): ErrorAnswer {
  const text = (name: string): string | undefined => {
    const found = firstText(xml, name);
    return found === '' ? undefined : withoutEntities(found);
  };
  return isError(xml) ? { code: text('Code'), message: text('Message') } : { code: undefined, message: undefined };
}

/**
 * Text of the first element of a name in a small answer, whatever its root is called: that differs between servers. Empty where there is none.
 * @throws MalformedAnswer where the answer is cut off, or the text has what is no entity
 */
export function readElement(xml: string, name: string): string {
  if (!/<\/[\w:]+\s*>\s*$/.test(xml)) throw new MalformedAnswer('the answer is cut off');
  return decodeEntities(firstText(xml, name));
}

function firstText(xml: string, name: string): string {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1]?.trim() ?? '';
}

/** For people: what is no entity is shown as it stands. */
function withoutEntities(text: string): string {
  try {
    return decodeEntities(text);
  } catch (error) {
    if (error instanceof MalformedAnswer) return text;
    throw error;
  }
}

/** Undoes `encoding-type=url`: AWS writes a space as `+`, and a plus sign as `%2B`. */
export function decodeUrlText(text: string): string {
  const plain = decodeEntities(text);
  if (!plain.includes('%') && !plain.includes('+')) return plain;
  try {
    return decodeURIComponent(plain.replaceAll('+', ' '));
  } catch (error) {
    throw new MalformedAnswer(`the listing has a key that is no text: ${plain.slice(0, 100)}`, { cause: error });
  }
}

export function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  // The quotes of an ETag are nearly all entities that there are; none of the others begins or ends inside of one.
  const unquoted = text.replaceAll('&quot;', '"');
  if (!unquoted.includes('&')) return unquoted;
  return unquoted.replaceAll(/&(?:#(\d{1,7})|#x([0-9A-Fa-f]{1,6})|(\w{1,8}));?/g, (entity, decimal: string | undefined, hex: string | undefined, name: string | undefined) => {
    const code = decimal !== undefined ? Number(decimal) : hex !== undefined ? parseInt(hex, 16) : Number.NaN;
    const char = name !== undefined ? TEXT_ENTITIES[name] : code <= 0x10ffff ? String.fromCodePoint(code) : undefined;
    if (char === undefined || !entity.endsWith(';')) throw new MalformedAnswer(`the answer has the unknown entity ${entity}`);
    return char;
  });
}
