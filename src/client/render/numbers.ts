/** Figures as people read them. Pure. */
import prettyBytes from 'pretty-bytes';
import prettyMs from 'pretty-ms';

/** `1,234.5`. Not by `toLocaleString`: the first use of a locale takes 14 ms. */
export const grouped = (n: number): string => String(n).replace(/\d+/, (whole) => whole.replace(/\B(?=(?:\d{3})+$)/g, ','));

export const count = (n: number): string => grouped(Math.round(n));

export const bytes = (n: number): string => prettyBytes(Math.max(0, Math.round(n)), { binary: true });

export function duration(ms: number): string {
  return ms < 10_000 ? prettyMs(Math.max(0, ms), { secondsDecimalDigits: 1 }) : prettyMs(ms, { secondsDecimalDigits: 0, unitCount: 2 });
}

/** `1 object`, `2 objects`; `1 directory`, `2 directories`. */
export function several(n: number, noun: string): string {
  if (n === 1) return `1 ${noun}`;
  return `${count(n)} ${noun.endsWith('y') ? `${noun.slice(0, -1)}ies` : /(?:ch|s|x)$/.test(noun) ? `${noun}es` : `${noun}s`}`;
}

/** `61%`; never 100% before all of it is done. */
export function percent(part: number, whole: number): string {
  if (whole <= 0) return '100%';
  return `${part >= whole ? 100 : Math.min(99, Math.floor(part / whole * 100))}%`;
}

/** `2026-11-21 08:30:12Z`: short, sortable, the same for everybody. */
export const instant = (iso: string): string => iso.replace('T', ' ').replace(/(?:\.\d+)?(?:Z|\+00:00)$/, 'Z');
