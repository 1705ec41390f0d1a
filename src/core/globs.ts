import { TributaryError } from '../contracts/errors.ts';

/**
 * Globs over keys, as rclone has them. Own code and not a library for file paths, because any text may be a key: `..`, `//`, a
 * trailing slash, a newline or an emoji are text like any other here.
 *
 * - `*` any text within one segment; `**` any text, and as a whole segment also no segment at all
 * - `?` one character but a slash; `[a-z]` and `[!a-z]` one of a set, or not of it
 * - `{log,txt}` one of several, which may hold globs; `\` makes the next character literal; all else, and case, is literal
 * - without a slash at its start, a glob matches the end of a key, from a segment's start on: `*.log` a file in any directory,
 *   `tmp/*` the files in any directory `tmp`; with one it matches the whole key, from the source prefix on: `/tmp/*`
 * - with a slash at its end, it matches everything in that directory: `tmp/`
 *
 * @returns an expression to test keys relative to the source prefix with
 * @throws TRB-INVALID-INPUT where a `[`, a `{` or a `\` is left open, or a range runs backwards
 */
export function compileGlob(glob: string): RegExp {
  const whole = glob.endsWith('/') ? `${glob}**` : glob;
  const anchored = whole.startsWith('/');
  const pattern = translate(anchored ? whole.slice(1) : whole, glob);
  try {
    return new RegExp(`^${anchored ? '' : '(?:.*/)?'}${pattern}$`, 'su');
  } catch (cause) {
    throw malformed(glob, 'a range in [ ] runs backwards', cause);
  }
}

function translate(path: string, glob: string): string {
  const chars = [...path];
  let pattern = '';
  let openBraces = 0;
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at] ?? '';
    if (char === '*' && chars[at + 1] === '*') {
      const wholeSegment = chars[at + 2] === '/' && (at === 0 || chars[at - 1] === '/');
      pattern += wholeSegment ? '(?:.*/)?' : '.*';
      at += wholeSegment ? 2 : 1;
    } else if (char === '*') {
      pattern += '[^/]*';
    } else if (char === '?') {
      pattern += '[^/]';
    } else if (char === '[') {
      // A bracket right after the opening one is a member of the set.
      const close = chars.indexOf(']', at + (chars[at + 1] === '!' || chars[at + 1] === '^' ? 3 : 2));
      if (close === -1) throw malformed(glob, 'a [ is not closed');
      pattern += characterSet(chars.slice(at + 1, close));
      at = close;
    } else if (char === '{') {
      openBraces += 1;
      pattern += '(?:';
    } else if (char === ',' && openBraces > 0) {
      pattern += '|';
    } else if (char === '}' && openBraces > 0) {
      openBraces -= 1;
      pattern += ')';
    } else if (char === '\\') {
      at += 1;
      if (at === chars.length) throw malformed(glob, 'nothing follows the \\ at its end');
      pattern += literal(chars[at] ?? '');
    } else {
      pattern += literal(char);
    }
  }
  if (openBraces > 0) throw malformed(glob, 'a { is not closed');
  return pattern;
}

function characterSet(members: readonly string[]): string {
  const negated = members[0] === '!' || members[0] === '^';
  const listed = negated ? members.slice(1) : members;
  const isRange = (at: number): boolean => listed[at] === '-' && at > 0 && at < listed.length - 1;
  return `(?!/)[${negated ? '^' : ''}${listed.map((char, at) => (isRange(at) ? '-' : literal(char))).join('')}]`;
}

/** Letters and digits as they are, all else by number, so that nothing has a meaning to the expression. */
function literal(char: string): string {
  return /^[A-Za-z0-9]$/.test(char) ? char : `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;
}

function malformed(glob: string, what: string, cause?: unknown): TributaryError {
  return new TributaryError('TRB-INVALID-INPUT', `"${glob}" is not a glob: ${what}; put a \\ before a character that is meant literally`, { glob }, { cause });
}
