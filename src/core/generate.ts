/**
 * A bucket of logs as services leave them behind, made up from a seed: irregular sizes, several formats and directory layouts, CRLF
 * here, gzip there, empty objects, and last lines without a newline. The same input always gives the same bytes.
 */
import { createRandom, seedOf, type Random } from './random.ts';

export interface GenerateOptions {
  readonly objects: number;
  /** Lines of an object on average. */
  readonly lines: number;
  readonly seed: number;
}

/** One object to make, in a few bytes: `renderGenerated` gives its content. */
export interface GeneratedItem {
  /** Relative to the prefix to fill. */
  readonly key: string;
  readonly lines: number;
  /** Number of its first line. No two lines of the data set have the same. */
  readonly firstLine: number;
  readonly seed: number;
  readonly format: 'json' | 'text';
  readonly crlf: boolean;
  readonly finalNewline: boolean;
  /** Whether the caller is to compress the rendered bytes. */
  readonly gzip: boolean;
  /** The hour that its lines tell of. */
  readonly hourMs: number;
}

interface Service {
  readonly name: string;
  /** Directory of an hour, from its ISO text. */
  readonly directory: (iso: string) => string;
  readonly format: GeneratedItem['format'];
  readonly crlf: boolean;
  readonly gzipShare: number;
}

const daily = (iso: string): string => iso.slice(0, 10);
const hour = (iso: string): string => iso.slice(11, 13);

const SERVICES: readonly [Service, ...Service[]] = [
  { name: 'api', directory: (iso) => `api/dt=${daily(iso)}/hour=${hour(iso)}/`, format: 'json', crlf: false, gzipShare: 0 },
  { name: 'checkout', directory: (iso) => `checkout/${daily(iso).replaceAll('-', '/')}/${hour(iso)}/`, format: 'json', crlf: false, gzipShare: 0.15 },
  { name: 'auth', directory: (iso) => `auth/${daily(iso)}T${hour(iso)}/`, format: 'text', crlf: false, gzipShare: 0 },
  { name: 'cdn', directory: (iso) => `cdn/dt=${daily(iso)}/hour=${hour(iso)}/`, format: 'text', crlf: false, gzipShare: 1 },
  { name: 'billing', directory: (iso) => `billing/exports ${daily(iso)}/`, format: 'text', crlf: true, gzipShare: 0 },
];

const FIRST_HOUR_MS = Date.UTC(2026, 0, 1);
const HOUR_MS = 3_600_000;
const OBJECTS_AN_HOUR = 100;

/** The objects of the data set, one after another: they are never all in memory. */
export function* planGenerated({ objects, lines, seed }: GenerateOptions): Generator<GeneratedItem, void, undefined> {
  let firstLine = 0;
  for (let index = 0; index < objects; index += 1) {
    const itemSeed = seedOf(seed, index);
    const random = createRandom(itemSeed);
    const service = random.pick(SERVICES);
    const hourMs = FIRST_HOUR_MS + Math.floor(index / OBJECTS_AN_HOUR) * HOUR_MS;
    const gzip = random.chance(service.gzipShare);
    const extension = `${service.format === 'json' ? 'ndjson' : 'log'}${gzip ? '.gz' : ''}`;
    const count = random.chance(0.02) ? 0 : irregular(random, lines);
    yield {
      key: `${service.directory(new Date(hourMs).toISOString())}${service.name}-${String(index).padStart(8, '0')}.${extension}`,
      lines: count, firstLine, seed: itemSeed, format: service.format, crlf: service.crlf, finalNewline: random.chance(0.9), gzip, hourMs,
    };
    firstLine += count;
  }
}

/** Mostly fewer than the average, some up to three times as many. */
function irregular(random: Random, average: number): number {
  const share = random.below(2 ** 32) / 2 ** 32;
  return Math.max(1, Math.round(average * 3 * share ** 2));
}

/** The content of an object, before compression. */
export function renderGenerated(item: GeneratedItem): Buffer {
  const random = createRandom(seedOf(item.seed, 1));
  const lines = Array.from({ length: item.lines }, (_, at) => {
    const time = new Date(item.hourMs + Math.floor(at / item.lines * HOUR_MS)).toISOString();
    return item.format === 'json' ? jsonLine(random, item.firstLine + at, time) : textLine(random, item.firstLine + at, time);
  });
  const end = item.crlf ? '\r\n' : '\n';
  return Buffer.from(lines.join(end) + (item.finalNewline && lines.length > 0 ? end : ''));
}

const METHODS = ['GET', 'GET', 'GET', 'POST', 'PUT', 'DELETE'] as const;
const PATHS = ['/', '/cart', '/login', '/api/v1/orders', '/api/v1/orders/search?q=träume', '/static/app.js', '/статьи/новые'] as const;
const STATUSES = [200, 200, 200, 204, 304, 404, 500] as const;

function jsonLine(random: Random, line: number, time: string): string {
  const message = random.chance(0.05) ? { error: `upstream said: ${'retry '.repeat(random.below(60))}` } : {};
  const request = { method: random.pick(METHODS), path: random.pick(PATHS), status: random.pick(STATUSES), ms: random.below(2000) };
  return JSON.stringify({ line, time, ...request, ...message });
}

function textLine(random: Random, line: number, time: string): string {
  const client = `10.0.${random.below(256)}.${random.below(256)}`;
  return `${time} line=${line} ${client} "${random.pick(METHODS)} ${random.pick(PATHS)}" ${random.pick(STATUSES)} ${random.below(100_000)}`;
}
