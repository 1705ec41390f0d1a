import { EXIT } from '../contracts/errors.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** That a command is to stop before its work is done: at Ctrl-C, or where nobody can read what it prints. */
export class Interruption {
  readonly #abort = new AbortController();
  #isAwaited = false;

  /** Whether the command ends in an orderly way by itself. */
  get isAwaited(): boolean {
    return this.#isAwaited;
  }

  /** From its first use on Ctrl-C and SIGTERM abort this signal instead of ending the process; a second one ends it at once. */
  await(): AbortSignal {
    if (!this.#isAwaited) {
      this.#isAwaited = true;
      const onSignal = (): void => {
        if (this.#abort.signal.aborted) process.exit(EXIT.detached);
        this.interrupt();
      };
      for (const signal of SIGNALS) process.on(signal, onSignal);
    }
    return this.#abort.signal;
  }

  interrupt(): void {
    this.#abort.abort(new Error('interrupted'));
  }
}
