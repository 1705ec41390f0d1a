/**
 * Which fault meets which request. It owns the rules in force and how often each request has come.
 *
 * Invariant: whether the n-th try of one request meets a fault, and which, follows from the seed, the rule and that request alone, never
 * from what else is in flight. So equal seeds give equal faults although requests come in another order each time.
 */
import { createRandom, seedOf, type Random } from '../../src/core/random.ts';
import type { S3Head } from './s3-request.ts';

export type Fault =
  /** The connection is reset after so many bytes of the request's body; the server never sees all of it. */
  | { readonly kind: 'reset request'; readonly afterBytes: number }
  /** The connection is reset after so many bytes of the answer's body. */
  | { readonly kind: 'reset answer'; readonly afterBytes: number }
  /** The server acts and answers, and the answer is lost: the connection is reset. */
  | { readonly kind: 'swallow answer' }
  /** Taken and never answered; reset after `holdMs`, where the client has not given up by then. */
  | { readonly kind: 'black hole'; readonly holdMs: number }
  /** The answer's body comes at this rate. */
  | { readonly kind: 'slow'; readonly bytesPerSecond: number }
  /** Handed on after a while. */
  | { readonly kind: 'delay'; readonly delayMs: number }
  /** Answered with an error in the server's place. `early`: before the body was read, and the connection is closed. */
  | { readonly kind: 'answer'; readonly status: number; readonly code: string; readonly early?: boolean }
  /** One byte of the answer's body is another one. */
  | { readonly kind: 'flip'; readonly atByte: number }
  /** A partial answer says that it begins one byte further on. */
  | { readonly kind: 'wrong range' };

export interface FaultRule {
  /** Fixed, or drawn anew for each request. */
  readonly fault: Fault | ((random: Random) => Fault);
  /** Default: every request. */
  readonly when?: (request: S3Head) => boolean;
  /** Share of the matching requests that meet it. Default: 1. */
  readonly chance?: number;
  /** Ends after so many faults. Default: never. */
  readonly times?: number;
  /** At most so many faults for one and the same request. Default: no bound. */
  readonly timesEach?: number;
}

interface ActiveRule { readonly rule: FaultRule; readonly index: number; faults: number; readonly seen: Map<string, { tries: number; faults: number }> }

export class FaultSchedule {
  readonly #seed: number;
  readonly #rules = new Set<ActiveRule>();
  #made = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Rules are asked in the order in which they were added; the first that gives a fault decides. @returns takes the rule away */
  add(rule: FaultRule): () => void {
    const active: ActiveRule = { rule, index: this.#made, faults: 0, seen: new Map() };
    this.#made += 1;
    this.#rules.add(active);
    return () => { this.#rules.delete(active); };
  }

  clear(): void {
    this.#rules.clear();
  }

  next(request: S3Head): Fault | null {
    for (const active of this.#rules) {
      const fault = this.#ask(active, request);
      if (fault) return fault;
    }
    return null;
  }

  #ask(active: ActiveRule, request: S3Head): Fault | null {
    const { rule, seen } = active;
    if (active.faults >= (rule.times ?? Infinity) || rule.when?.(request) === false) return null;
    const identity = identityOf(request);
    const state = seen.get(identity) ?? { tries: 0, faults: 0 };
    seen.set(identity, state);
    state.tries += 1;
    if (state.faults >= (rule.timesEach ?? Infinity)) return null;
    const random = createRandom(seedOf(seedOf(seedOf(this.#seed, active.index), hash(identity)), state.tries));
    if (!random.chance(rule.chance ?? 1)) return null;
    active.faults += 1;
    state.faults += 1;
    return typeof rule.fault === 'function' ? rule.fault(random) : rule.fault;
  }
}

/** What stays the same when a request is sent again, also by another run of the same job: no upload ids, no stamps. */
function identityOf({ operation, bucket, key, query, range }: S3Head): string {
  return [operation, bucket, key.replaceAll(/\d{8}T\d{6}Z-[0-9a-f]{8}/g, 'STAMP'), query.get('partNumber') ?? '', range ?? ''].join(' ');
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}
