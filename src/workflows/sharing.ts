/**
 * Which running call shares what it has left when a worker without work asks for some.
 *
 * Invariants:
 * H1. A call is asked by its interruption, which it answers with its cursor: to share is to go on from there in two chains.
 * H2. No more chains run than the run's `parallelGroups` allow this workflow: its batches' part of them; both when a call is asked and when it answers.
 * H3. A call that cannot divide what it has left is asked once: from then on one in its last group is known by its cursor, and one of an older worker is marked. Else
 *     workers without work would interrupt it every few seconds, and it might come no further.
 */
import { patched, setHandler } from '@temporalio/workflow';
import { groupsLeft, isOver, mayDivide, type Chain } from './chains.ts';
import type { Control } from './control.ts';
import { shareSignal } from './messages.ts';

export class Sharing {
  readonly #control: Control;
  readonly #chains: readonly Chain[];
  readonly #most: () => number;
  /** Chains whose call was asked, and has not answered. */
  readonly #asked = new Set<number>();
  /** Chains whose call was asked, and did not say whether it can be divided. */
  readonly #undivided = new Set<number>();
  /** How often a chain has been halved: who has shared least is asked first. */
  readonly #halvings = new Map<number, number>();

  /** Registers the handler. To be made before the first await of a workflow. @param most chains that may run at the same time */
  constructor(control: Control, chains: readonly Chain[], most: () => number) {
    this.#control = control;
    this.#chains = chains;
    this.#most = most;
    setHandler(shareSignal, () => { this.#ask(); }, { description: 'From a worker that has nothing to do: a running call is to share what it has left.' });
  }

  get canShare(): boolean {
    return this.#next() !== null;
  }

  /**
   * To be asked once the call of a chain has returned.
   * @param halfway where the call says that it can be divided; undefined where its worker does not say such things
   * @returns the last group that the chain keeps where it is to share, else null
   */
  answered(index: number, halfway: number | null | undefined): number | null {
    if (!this.#asked.delete(index)) return null;
    if (halfway === undefined) this.#undivided.add(index);
    if (halfway === undefined || halfway === null || this.#hasRoom()) return halfway ?? null;
    // The run may do less by now. Histories of before that was looked at have divided here.
    return patched('room-at-answer') ? null : halfway;
  }

  /** @param other the chain that has the second half */
  halved(index: number, other: number): void {
    const halvings = this.#halvingsOf(index) + 1;
    this.#halvings.set(index, halvings).set(other, halvings);
  }

  #ask(): void {
    const next = this.#next();
    if (next === null) return;
    this.#asked.add(next);
    this.#control.interruptCall(next);
  }

  #next(): number | null {
    const { paused, cancelled } = this.#control;
    if (paused || cancelled || !this.#hasRoom()) return null;
    let next: number | null = null;
    for (const [index, chain] of this.#chains.entries()) {
      if (!this.#control.isCalling(index) || this.#asked.has(index) || this.#undivided.has(index) || groupsLeft(chain) < 2 || !mayDivide(this.#chains, chain)) continue;
      if (next === null || this.#halvingsOf(index) < this.#halvingsOf(next)) next = index;
    }
    return next;
  }

  /** Whether one chain more may run, beside those that are to come of the calls that were asked. */
  #hasRoom(): boolean {
    return this.#chains.filter((chain) => !isOver(chain)).length + this.#asked.size < this.#most();
  }

  #halvingsOf(index: number): number {
    return this.#halvings.get(index) ?? 0;
  }
}
