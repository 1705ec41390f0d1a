/** Reads the facts out of an error of unknown make: AWS SDK, Node, OpenSSL, or a plain object. */

export interface ThrownFacts {
  /** Of the answer, where there was one. */
  readonly httpStatus: number | undefined;
  /** The store's own code, as `NoSuchKey`. Absent where the answer had no body. */
  readonly storeCode: string | undefined;
  /** Code of the operating system, of Node or of OpenSSL, as `ECONNRESET`. */
  readonly systemCode: string | undefined;
  readonly name: string;
  /** At most 200 characters, on one line. */
  readonly message: string;
}

/** Names that SDKs give an answer without a body: they say no more than its status. */
const NO_CODE = /^(?:\d+|Error|Unknown|UnknownError|NotFound|Forbidden|BadRequest|S3ServiceException|.*HttpError)$/;
const MAX_MESSAGE_LENGTH = 200;

export function readFacts(error: unknown): ThrownFacts {
  const chain = causes(error);
  const httpStatus = first(chain, (link) => numberIn(field(link, '$metadata'), 'httpStatusCode') ?? numberIn(link, 'httpStatus') ?? numberIn(link, 'statusCode'));
  const named = first(chain, (link) => textIn(link, 'Code') ?? textIn(link, 'storeCode') ?? (isService(link) ? textIn(link, 'name') : undefined));
  const storeCode = named === undefined || NO_CODE.test(named) ? undefined : named;
  const name = textIn(chain[0], 'name') ?? '';
  const ownCode = first(chain, (link) => textIn(link, 'code'));
  const message = first(chain, (link) => textIn(link, 'message') || undefined) ?? ownCode ?? (typeof error === 'string' ? error : 'unknown error');
  // The SDK wraps errors that it does not know as errors, and keeps only their words.
  const systemCode = ownCode ?? /\bE[A-Z]{4,}\b/.exec(message)?.[0];
  const oneLine = message.replaceAll(/\s+/g, ' ').trim();
  return { httpStatus, storeCode, systemCode, name, message: oneLine.length > MAX_MESSAGE_LENGTH ? `${oneLine.slice(0, MAX_MESSAGE_LENGTH - 1)}…` : oneLine };
}

/** An error that an SDK made from an answer of the service. */
function isService(link: unknown): boolean {
  return field(link, '$fault') !== undefined || numberIn(field(link, '$metadata'), 'httpStatusCode') !== undefined;
}

/** The error, what caused it, and so on; of an aggregate the first member. */
function causes(error: unknown): readonly unknown[] {
  const chain: unknown[] = [];
  for (let link: unknown = error; link !== undefined && link !== null && chain.length < 8 && !chain.includes(link);) {
    chain.push(link);
    const members = field(link, 'errors');
    link = field(link, 'cause') ?? (Array.isArray(members) ? (members as readonly unknown[])[0] : undefined);
  }
  return chain;
}

function first<T>(chain: readonly unknown[], read: (link: unknown) => T | undefined): T | undefined {
  for (const link of chain) {
    const found = read(link);
    if (found !== undefined) return found;
  }
  return undefined;
}

function field(link: unknown, name: string): unknown {
  return typeof link === 'object' && link !== null ? (link as Readonly<Record<string, unknown>>)[name] : undefined;
}

function textIn(link: unknown, name: string): string | undefined {
  const value = field(link, name);
  return typeof value === 'string' ? value : undefined;
}

function numberIn(link: unknown, name: string): number | undefined {
  const value = field(link, name);
  return typeof value === 'number' && value > 0 ? value : undefined;
}
