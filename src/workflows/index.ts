/** Every workflow type that this version serves. Their names are public API. */
export { mergePage } from './merge-page.ts';
export { mergePrefix } from './merge-prefix.ts';
export { mergeRun } from './merge-run.ts';
export { targetLease } from './target-lease.ts';
export { verifyRun } from './verify-run.ts';
