/**
 * What the command line prints, and where: data on stdout, everything else on stderr.
 *
 * Invariant: nothing but the answer to what was asked goes to stdout, in the format that was asked for.
 */
import { styleText } from 'node:util';
import type { Environment } from '../config/environment.ts';

export type Format = 'text' | 'json' | 'jsonl';

type StyleName = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';
/** Marks up text, or leaves it as it is where there are no colours. */
export type Style = Readonly<Record<StyleName, (text: string) => string>>;

const STYLES: readonly StyleName[] = ['bold', 'dim', 'red', 'green', 'yellow', 'cyan'];
const styleWith = (mark: (name: StyleName, text: string) => string): Style =>
  Object.fromEntries(STYLES.map((name) => [name, (text: string) => mark(name, text)])) as Record<StyleName, (text: string) => string>;

export const PLAIN: Style = styleWith((_, text) => text);
export const COLOURED: Style = styleWith((name, text) => styleText(name, text, { validateStream: false }));

/** A stream to print to; `process.stdout`, or a test's. */
export interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface OutputOptions {
  readonly format: Format;
  readonly color: 'auto' | 'always' | 'never';
  /** -1 quiet, 0 normal, 1 more. */
  readonly verbosity: number;
}

export class Output {
  readonly format: Format;
  /** For stdout. */
  readonly style: Style;
  /** For stderr. */
  readonly messageStyle: Style;
  readonly verbosity: number;
  readonly #stdout: Sink;
  readonly #stderr: Sink;
  readonly #dumb: boolean;

  constructor(options: OutputOptions, streams: { readonly stdout: Sink; readonly stderr: Sink }, terminal: Environment['terminal']) {
    this.format = options.format;
    this.verbosity = options.verbosity;
    this.#stdout = streams.stdout;
    this.#stderr = streams.stderr;
    this.#dumb = terminal.dumb;
    const style = (stream: Sink): Style => (hasColours(options.color, stream, terminal) ? COLOURED : PLAIN);
    this.style = style(streams.stdout);
    this.messageStyle = style(streams.stderr);
  }

  /** Whether progress can be redrawn in place. */
  get isLive(): boolean {
    // A terminal that says it has no columns cannot be drawn on.
    return this.#stderr.isTTY === true && (this.#stderr.columns ?? 0) > 0 && !this.#dumb && this.verbosity >= 0;
  }

  /** The stream of messages, for what redraws itself. */
  get messageSink(): Sink {
    return this.#stderr;
  }

  /** The answer: its text, or the value as JSON, on one line in `jsonl`; of an array one line an item. */
  answer(value: unknown, text: (style: Style) => string): void {
    switch (this.format) {
      case 'text': this.#line(text(this.style)); break;
      case 'json': this.#line(JSON.stringify(value, null, 2)); break;
      case 'jsonl': for (const item of Array.isArray(value) ? value : [value]) this.#line(JSON.stringify(item)); break;
    }
  }

  /** A message for people; not when quiet. */
  say(message: string): void {
    if (this.verbosity >= 0) this.#stderr.write(`${message}\n`);
  }

  /** A message that matters also when quiet. */
  warn(message: string): void {
    this.#stderr.write(`${message}\n`);
  }

  /** A message for those who asked for more. */
  detail(message: string): void {
    if (this.verbosity > 0) this.#stderr.write(`${this.messageStyle.dim(message)}\n`);
  }

  #line(text: string): void {
    if (text !== '') this.#stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  }
}

function hasColours(color: OutputOptions['color'], stream: Sink, terminal: Environment['terminal']): boolean {
  if (color !== 'auto') return color === 'always';
  if (terminal.noColor) return false;
  return terminal.forceColor || (stream.isTTY === true && !terminal.dumb);
}
