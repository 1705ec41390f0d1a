/**
 * What people asked of a workflow: pause, resume, cancel, limits. It owns these states, and interrupts running calls when they change.
 *
 * Invariants:
 * K1. Cancelling is final; a resume after it does nothing.
 * K2. `interruptible` loses no cursor of a call that an attempt was running of: what it returned, failed with or was cancelled with, or the
 *     last heartbeat of one that died. A call whose next attempt still waits is taken back by the server, which forgets its heartbeats: the
 *     next call does again what that one had done, and finds what it had written.
 * K3. A change that arrives while a call is starting or a child is being started is not missed.
 * K4. What was asked of this workflow reaches a child in the same order: each message waits until the one before has arrived. (The server
 *     delivers those that are under way together in any order.)
 * K5. It is paused, not pausing, only when no call of it runs, none of its children's, and so on down: a child says so once it has stopped,
 *     and for which pause, so that a late word of an earlier one is none of a later one.
 * K6. A child that has ended without this workflow's history saying so, as those of a terminated run that is reset, is started again from
 *     its beginning: what it had written is found again.
 */
import {
  ActivityFailure, ApplicationFailure, CancellationScope, CancelledFailure, condition, getExternalWorkflowHandle, log, setHandler, sleep, TimeoutFailure, Trigger, workflowInfo,
  type ChildWorkflowHandle, type ExternalWorkflowHandle, type Workflow, type WorkflowResultType,
} from '@temporalio/workflow';
import type { Limits } from '../contracts/limits.ts';
import { isLimits } from './limits.ts';
import { cancelSignal, limitsSignal, pauseSignal, resumeSignal, stoppedSignal } from './messages.ts';
import { onReset } from './resets.ts';

/** A child that takes no message has ended; its result is known to its parent within this time, or never. */
const RESULT_WITHIN = '5s';

/** Told as any workflow is: a run that was reset keeps its children, but the server takes no message to them as to its own. */
type Child = ExternalWorkflowHandle;
type Message = (child: Child, share: (limits: Limits) => Limits) => Promise<void>;

interface Told {
  /** Makes the child's limits of ours. */
  readonly share: (limits: Limits) => Limits;
  /** When the last message to it has arrived. */
  last: Promise<void>;
  /** The latest pause of ours that it has stopped for. */
  stopped: number;
  /** Resolved when the server knew of no such child to give a message to. */
  readonly unknown: Trigger<void>;
}

export class Control {
  #limits: Limits;
  #paused = false;
  #cancelled = false;
  /** Told when it is pausing, is paused, goes on or is cancelled; not of what had arrived before the workflow began, which handlers get while it is made. */
  onChanged: () => void = () => undefined;
  /** How often this was paused; how often its parent was when it asked for the last one. */
  #pauses = 0;
  #asked = 0;
  /** The pause that the parent was told to be over with. */
  #said = 0;
  #resets = 0;
  /** Children that are being started. */
  #starting = 0;
  /** Of running calls, with what their callers call them. */
  readonly #scopes = new Map<CancellationScope, number>();
  readonly #children = new Map<Child, Told>();

  /** Registers the handlers. To be made before the first await of a workflow. */
  constructor(limits: Limits) {
    this.#limits = limits;
    setHandler(pauseSignal, (asked) => { this.pause(asked); }, { description: 'Stop all requests within seconds and keep what was acknowledged.' });
    setHandler(resumeSignal, () => { this.resume(); }, { description: 'Go on from the exact point.' });
    setHandler(cancelSignal, () => { this.cancel(); }, { description: 'End the run with a report of what was done.' });
    // People can send it too, and anything with it.
    setHandler(limitsSignal, (changed: unknown) => { if (isLimits(changed)) this.setLimits(changed); }, { description: 'From a parent to its children: their share. To change limits, send the update setLimits to the run.' });
    setHandler(stoppedSignal, (childId, pause) => {
      for (const [child, told] of this.#children) if (child.workflowId === childId && Number.isInteger(pause)) told.stopped = Math.max(told.stopped, pause);
      this.#sayStopped();
    }, { description: 'From a child to its parent: it has stopped for a pause.' });
    // A cancel request of the server (`temporal workflow cancel`, the UI) is the same as the signal. It cancels the scope that this
    // runs in too, from which children could no longer be told.
    CancellationScope.current().cancelRequested.catch(() => CancellationScope.nonCancellable(async () => { this.cancel(); }));
    onReset(() => {
      this.#resets += 1;
      this.#tell(this.#inForce());
    });
  }

  get limits(): Limits { return this.#limits; }
  get paused(): boolean { return this.#paused; }
  get cancelled(): boolean { return this.#cancelled; }

  /** For the progress query. */
  get state(): 'running' | 'pausing' | 'paused' | 'cancelling' {
    if (this.#cancelled) return 'cancelling';
    if (!this.#paused) return 'running';
    return this.#isStill() ? 'paused' : 'pausing';
  }

  /** @param asked what the message says; a parent says which of its pauses this is */
  pause(asked?: unknown): void {
    if (this.#paused || this.#cancelled) return;
    this.#paused = true;
    this.#pauses += 1;
    this.#asked = pauseNumber(asked);
    this.#interrupt(this.#pauseMessage());
    this.#sayStopped();
  }

  resume(): void {
    if (!this.#paused || this.#cancelled) return;
    this.#paused = false;
    this.onChanged();
    this.#tell((child) => child.signal(resumeSignal));
  }

  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.onChanged();
    this.#interrupt((child) => child.signal(cancelSignal));
  }

  /** Running calls are interrupted, and go on under the new limits. */
  setLimits(limits: Limits): void {
    this.#limits = limits;
    this.#interrupt((child, share) => child.signal(limitsSignal, share(limits)));
  }

  /** Waits while the run is paused. @returns false where it was cancelled */
  async mayGoOn(): Promise<boolean> {
    // Not for what holds already: each promise here costs a stack trace, which the server's users can ask for.
    if (this.#paused && !this.#cancelled) await condition(() => this.#cancelled || !this.#paused);
    return !this.#cancelled;
  }

  /**
   * Runs an activity call that a pause, a cancel or changed limits interrupt.
   * @param lastKnown reads what a call that came to no result had reached, from what it told last, if anything
   * @param name for `interruptCall`
   * @returns the call's result, or what `lastKnown` made of what it told last, or null where nothing is known
   */
  async interruptible<T>(call: () => Promise<T>, lastKnown: (heartbeat: unknown) => T | null, name = 0): Promise<T | null> {
    const scope = new CancellationScope({ cancellable: true });
    this.#scopes.set(scope, name);
    try {
      return await scope.run(call);
    } catch (error) {
      if (!scope.consideredCancelled || !(error instanceof ActivityFailure)) throw error;
      const { cause } = error;
      if (cause instanceof CancelledFailure) return lastKnown(cause.details[0]);
      // The worker died first: at its heartbeat timeout the call ends with what it had heartbeated last.
      if (cause instanceof TimeoutFailure) return lastKnown(cause.lastHeartbeatDetails);
      if (!(cause instanceof ApplicationFailure) || cause.nonRetryable) throw error;
      // The next attempt would have gone on, but there is none once a cancel was asked for.
      return lastKnown(cause.details?.[cause.type === 'WorkerShutdown' ? 0 : 1]);
    } finally {
      this.#scopes.delete(scope);
      this.#sayStopped();
    }
  }

  /** Passes on what is asked of this workflow to a child, from its start on. @param share makes the child's limits of ours */
  async withChild<W extends Workflow>(start: () => Promise<ChildWorkflowHandle<W>>, share: (limits: Limits) => Limits = (limits) => limits): Promise<WorkflowResultType<W>> {
    for (;;) {
      const ended = await this.#untilEnded(start, share);
      if (ended) return ended.result;
    }
  }

  /** Has the running calls return with what they have: whoever made them goes on from there. */
  interruptCalls(): void {
    for (const scope of this.#scopes.keys()) scope.cancel();
  }

  /** The same for the calls of one name. */
  interruptCall(name: number): void {
    for (const [scope, its] of this.#scopes) if (its === name) scope.cancel();
  }

  isCalling(name: number): boolean {
    return [...this.#scopes.values()].includes(name);
  }

  /** Starts a child and waits for its end. @returns null where it has ended and never says how */
  async #untilEnded<W extends Workflow>(start: () => Promise<ChildWorkflowHandle<W>>, share: (limits: Limits) => Limits): Promise<{ readonly result: WorkflowResultType<W> } | null> {
    const limitsAtStart = this.#limits;
    const resetsAtStart = this.#resets;
    this.#starting += 1;
    const started = await start().finally(() => { this.#starting -= 1; });
    const child = getExternalWorkflowHandle(started.workflowId);
    const told: Told = { share, last: Promise.resolve(), stopped: 0, unknown: new Trigger<void>() };
    this.#children.set(child, told);
    const limits = this.#limits;
    if (limits !== limitsAtStart) this.#tellOne(child, told, () => child.signal(limitsSignal, share(limits)));
    if (this.#cancelled || this.#paused || this.#resets !== resetsAtStart) this.#tellOne(child, told, this.#inForce());
    try {
      return await Promise.race([started.result().then((result) => ({ result })), told.unknown.then(() => sleep(RESULT_WITHIN)).then(() => null)]);
    } finally {
      this.#children.delete(child);
      this.#sayStopped();
    }
  }

  /** What a child is told that may have missed what was asked last. */
  #inForce(): Message {
    if (this.#cancelled) return (child) => child.signal(cancelSignal);
    return this.#paused ? this.#pauseMessage() : (child) => child.signal(resumeSignal);
  }

  #isStill(): boolean {
    return this.#scopes.size === 0 && this.#starting === 0 && [...this.#children.values()].every(({ stopped }) => stopped === this.#pauses);
  }

  #pauseMessage(): Message {
    const pause = this.#pauses;
    return (child) => child.signal(pauseSignal, { pause });
  }

  /** Tells the parent, once a pause, that nothing moves here any more. */
  #sayStopped(): void {
    if (this.#paused) this.onChanged();
    const { parent, workflowId } = workflowInfo();
    if (!parent || !this.#paused || this.#said === this.#pauses || !this.#isStill()) return;
    this.#said = this.#pauses;
    CancellationScope.nonCancellable(() => getExternalWorkflowHandle(parent.workflowId).signal(stoppedSignal, workflowId, this.#asked))
      .catch((error: unknown) => { log.debug('the parent took no message', { error }); });
  }

  #interrupt(message: Message): void {
    this.interruptCalls();
    this.#tell(message);
  }

  #tell(message: Message): void {
    for (const [child, told] of this.#children) this.#tellOne(child, told, message);
  }

  #tellOne(child: Child, told: Told, message: Message): void {
    told.last = told.last.then(() => CancellationScope.nonCancellable(() => message(child, told.share)))
      .catch((error: unknown) => {
        log.debug('a child took no message', { child: child.workflowId, error });
        if (isUnknownChild(error)) told.unknown.resolve();
      });
  }
}

function pauseNumber(asked: unknown): number {
  return typeof asked === 'object' && asked !== null && 'pause' in asked && typeof asked.pause === 'number' ? asked.pause : 0;
}

/** Other failures, as too many signals, say nothing of its end. The SDK has no type for them but this text of its core. */
function isUnknownChild(error: unknown): boolean {
  return error instanceof Error && error.message.includes('it was not found');
}
