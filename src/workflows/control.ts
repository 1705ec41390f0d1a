/**
 * What people asked of a workflow: pause, resume, cancel, limits. It owns these states, and interrupts running calls when they change.
 *
 * Invariants:
 * K1. Cancelling is final; a resume after it does nothing.
 * K2. `interruptible` never loses a cursor that the server knows: what a call returned, or the last heartbeat of one that died.
 * K3. A change that arrives while a call is starting or a child is being started is not missed.
 * K4. What was asked of this workflow reaches a child in the same order: each message waits until the one before has arrived. (The server
 *     delivers those that are under way together in any order.)
 */
import {
  ActivityFailure, ApplicationFailure, CancellationScope, condition, getExternalWorkflowHandle, isCancellation, log, setHandler, TimeoutFailure,
  type ChildWorkflowHandle, type ExternalWorkflowHandle, type Workflow, type WorkflowResultType,
} from '@temporalio/workflow';
import type { Limits } from '../contracts/limits.ts';
import { isLimits } from './limits.ts';
import { cancelSignal, limitsSignal, pauseSignal, resumeSignal } from './messages.ts';

/** Told as any workflow is: a run that was reset keeps its children, but the server takes no message to them as to its own. */
type Child = ExternalWorkflowHandle;
type Message = (child: Child, share: (limits: Limits) => Limits) => Promise<void>;

interface Told {
  /** Makes the child's limits of ours. */
  readonly share: (limits: Limits) => Limits;
  /** When the last message to it has arrived. */
  last: Promise<void>;
}

export class Control {
  #limits: Limits;
  #paused = false;
  #cancelled = false;
  readonly #scopes = new Set<CancellationScope>();
  readonly #children = new Map<Child, Told>();

  /** Registers the handlers. To be made before the first await of a workflow. */
  constructor(limits: Limits) {
    this.#limits = limits;
    setHandler(pauseSignal, () => { this.pause(); }, { description: 'Stop all requests within seconds and keep what was acknowledged.' });
    setHandler(resumeSignal, () => { this.resume(); }, { description: 'Go on from the exact point.' });
    setHandler(cancelSignal, () => { this.cancel(); }, { description: 'End the run with a report of what was done.' });
    // People can send it too, and anything with it.
    setHandler(limitsSignal, (changed: unknown) => { if (isLimits(changed)) this.setLimits(changed); });
    // A cancel request of the server (`temporal workflow cancel`, the UI) is the same as the signal. It cancels the scope that this
    // runs in too, from which children could no longer be told.
    CancellationScope.current().cancelRequested.catch(() => CancellationScope.nonCancellable(async () => { this.cancel(); }));
  }

  get limits(): Limits { return this.#limits; }
  get paused(): boolean { return this.#paused; }
  get cancelled(): boolean { return this.#cancelled; }

  /** For the progress query. */
  get state(): 'running' | 'pausing' | 'paused' | 'cancelling' {
    if (this.#cancelled) return 'cancelling';
    if (!this.#paused) return 'running';
    return this.#scopes.size > 0 ? 'pausing' : 'paused';
  }

  pause(): void {
    if (this.#paused || this.#cancelled) return;
    this.#paused = true;
    this.#interrupt((child) => child.signal(pauseSignal));
  }

  resume(): void {
    if (!this.#paused || this.#cancelled) return;
    this.#paused = false;
    this.#tell((child) => child.signal(resumeSignal));
  }

  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#interrupt((child) => child.signal(cancelSignal));
  }

  /** Running calls are interrupted, and go on under the new limits. */
  setLimits(limits: Limits): void {
    this.#limits = limits;
    this.#interrupt((child, share) => child.signal(limitsSignal, share(limits)));
  }

  /** Waits while the run is paused. @returns false where it was cancelled */
  async mayGoOn(): Promise<boolean> {
    await condition(() => this.#cancelled || !this.#paused);
    return !this.#cancelled;
  }

  /**
   * Runs an activity call that a pause, a cancel or changed limits interrupt.
   * @param lastKnown reads what a call that died had heartbeated
   * @returns the call's result, or what `lastKnown` made of its last heartbeat, or null where the call got nowhere
   */
  async interruptible<T>(call: () => Promise<T>, lastKnown: (heartbeat: unknown) => T | null): Promise<T | null> {
    const scope = new CancellationScope({ cancellable: true });
    this.#scopes.add(scope);
    try {
      return await scope.run(call);
    } catch (error) {
      if (!scope.consideredCancelled || !(error instanceof ActivityFailure)) throw error;
      if (isCancellation(error)) return null;
      // The worker died first: at its heartbeat timeout the call ends with what it had heartbeated last.
      const { cause } = error;
      if (cause instanceof TimeoutFailure) return lastKnown(cause.lastHeartbeatDetails);
      if (cause instanceof ApplicationFailure && cause.type === 'WorkerShutdown') return lastKnown(cause.details?.[0]);
      throw error;
    } finally {
      this.#scopes.delete(scope);
    }
  }

  /** Passes on what is asked of this workflow to a child, from its start on. @param share makes the child's limits of ours */
  async withChild<W extends Workflow>(start: () => Promise<ChildWorkflowHandle<W>>, share: (limits: Limits) => Limits = (limits) => limits): Promise<WorkflowResultType<W>> {
    const limitsAtStart = this.#limits;
    const started = await start();
    const child = getExternalWorkflowHandle(started.workflowId);
    const told: Told = { share, last: Promise.resolve() };
    this.#children.set(child, told);
    const limits = this.#limits;
    if (limits !== limitsAtStart) this.#tellOne(child, told, () => child.signal(limitsSignal, share(limits)));
    if (this.#cancelled) this.#tellOne(child, told, () => child.signal(cancelSignal));
    else if (this.#paused) this.#tellOne(child, told, () => child.signal(pauseSignal));
    try {
      return await started.result();
    } finally {
      this.#children.delete(child);
    }
  }

  /** Has the running calls return with what they have: whoever made them goes on from there. */
  interruptCalls(): void {
    for (const scope of this.#scopes) scope.cancel();
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
      // A child that has just ended needs no message.
      .catch((error: unknown) => { log.debug('a child took no message', { child: child.workflowId, error }); });
  }
}
