/** What must hold of every merged output. Each finding is one sentence; none means that all of it holds. */
import { parseChunkName } from '../../src/core/names.ts';
import { compareKeys, directoryOf, fileNameOf, groupOf } from '../../src/core/keys.ts';
import { referenceMerge, type ReferenceOptions } from './reference-merge.ts';

/** How often one kind of finding is spelled out. */
const SPELLED_OUT = 5;

/**
 * Compares what a run wrote with what it read.
 * @param sources contents (decoded, where they were compressed) by key relative to the source prefix
 * @param outputs contents by key relative to the target prefix: every object there but control data
 * @returns findings of the kinds foreign, doubled, missing, empty, count, lost, misplaced, reordered, invented and differs
 */
export function checkMerged(sources: ReadonlyMap<string, Buffer>, outputs: ReadonlyMap<string, Buffer>, options: ReferenceOptions): string[] {
  const findings = new Findings();
  const chunks = chunksOf(outputs, findings);
  checkChunks(chunks, options, findings);
  checkLines(sources, chunks, options, findings);
  const reference = referenceMerge(sources, options);
  for (const [path, bytes] of reference) {
    const written = chunks.get(path);
    if (!written) findings.add('missing', path);
    else if (!written.equals(bytes)) findings.add('differs', `${path} at byte ${firstDifference(written, bytes)} of ${bytes.length}`);
  }
  for (const path of chunks.keys()) if (!reference.has(path)) findings.add('invented', `chunk ${path}`);
  return findings.sentences();
}

/** Chunks by `<group><number>`, in the order in which a reader concatenates them. */
function chunksOf(outputs: ReadonlyMap<string, Buffer>, findings: Findings): Map<string, Buffer> {
  const chunks = new Map<string, Buffer>();
  for (const [key, bytes] of [...outputs].sort(([a], [b]) => compareKeys(a, b))) {
    const name = parseChunkName(fileNameOf(key));
    const path = `${directoryOf(key)}${String(name?.chunk).padStart(8, '0')}`;
    if (!name) findings.add('foreign', key);
    else if (chunks.has(path)) findings.add('doubled', `chunk ${key}`);
    else chunks.set(path, bytes);
  }
  return chunks;
}

function checkChunks(chunks: ReadonlyMap<string, Buffer>, { chunk }: ReferenceOptions, findings: Findings): void {
  for (const [path, bytes] of chunks) {
    if (bytes.length === 0) findings.add('empty', path);
    const isLast = !chunks.has(nextPath(path));
    const lines = [...linesOf(bytes)].length;
    if ('lines' in chunk && (isLast ? lines > chunk.lines : lines !== chunk.lines)) findings.add('count', `${path} has ${lines} lines, not ${chunk.lines}`);
  }
}

function nextPath(path: string): string {
  return `${directoryOf(path)}${String(Number(fileNameOf(path)) + 1).padStart(8, '0')}`;
}

/** Follows the numbered lines from their sources into the chunks. (Where damage made two lines of one number, only the comparison of bytes can tell them apart.) */
function checkLines(
  sources: ReadonlyMap<string, Buffer>, chunks: ReadonlyMap<string, Buffer>, { groupBy = 'directory' }: ReferenceOptions, findings: Findings,
): void {
  const expected = new Map<string, { group: string; place: number }>();
  const ambiguous = new Set<string>();
  for (const [key, bytes] of [...sources].sort(([a], [b]) => compareKeys(a, b))) {
    for (const line of numberedLinesOf(bytes)) {
      if (expected.has(line)) ambiguous.add(line);
      expected.set(line, { group: groupOf(key, groupBy), place: expected.size });
    }
  }
  for (const line of ambiguous) expected.delete(line);
  const atHome = new Set<string>();
  const astray = new Set<string>();
  const reached = new Map<string, number>();
  for (const [path, bytes] of chunks) {
    const group = directoryOf(path);
    for (const line of numberedLinesOf(bytes)) {
      if (ambiguous.has(line)) continue;
      const home = expected.get(line);
      if (!home) {
        findings.add('invented', `line ${line} in ${path}`);
      } else if (home.group !== group) {
        findings.add('misplaced', `line ${line} of ${JSON.stringify(home.group)} in ${path}`);
        astray.add(line);
      } else if (atHome.has(line)) {
        findings.add('doubled', `line ${line} in ${path}`);
      } else {
        if (home.place < (reached.get(group) ?? 0)) findings.add('reordered', `line ${line} in ${path}`);
        reached.set(group, home.place);
        atHome.add(line);
      }
    }
  }
  for (const line of expected.keys()) if (!atHome.has(line) && !astray.has(line)) findings.add('lost', `line ${line}`);
}

/** The marks of the numbered lines in `bytes`, as `#3:14`. */
function* numberedLinesOf(bytes: Buffer): Generator<string> {
  for (const [start, end] of linesOf(bytes)) {
    const mark = /^#\d+:\d+(?= )/.exec(bytes.toString('latin1', start, Math.min(end, start + 40)));
    if (mark) yield mark[0];
  }
}

/** Start and end of each line, newline included. */
function* linesOf(bytes: Buffer): Generator<[start: number, end: number]> {
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0x0a, start) + 1 || bytes.length;
    yield [start, end];
    start = end;
  }
}

function firstDifference(a: Buffer, b: Buffer): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  return at;
}

class Findings {
  private readonly byKind = new Map<string, string[]>();

  add(kind: string, what: string): void {
    const all = this.byKind.get(kind) ?? [];
    this.byKind.set(kind, all);
    all.push(what);
  }

  sentences(): string[] {
    return [...this.byKind].flatMap(([kind, all]) => [
      ...all.slice(0, SPELLED_OUT).map((what) => `${kind}: ${what}`),
      ...(all.length > SPELLED_OUT ? [`${kind}: ${all.length - SPELLED_OUT} more`] : []),
    ]);
  }
}
