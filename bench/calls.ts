/** Calls to a child process and back: one at a time, over Node's channel. A child ends with its parent. */
import { fork, type ChildProcess } from 'node:child_process';

interface Call { readonly name: string; readonly argument: unknown }
type Reply = { readonly value: unknown } | { readonly error: string };

export type Handlers = Readonly<Record<string, (argument: never) => unknown>>;

/** In the child: answers calls, one after another. */
export function answerCalls(handlers: Handlers): void {
  let last: Promise<void> = Promise.resolve();
  const answer = async ({ name, argument }: Call): Promise<void> => {
    try {
      const value: unknown = await handlers[name]?.(argument as never);
      process.send?.({ value } satisfies Reply);
    } catch (error) {
      process.send?.({ error: error instanceof Error ? error.stack ?? error.message : String(error) } satisfies Reply);
    }
  };
  process.on('message', (call: Call) => { last = last.then(() => answer(call)); });
  process.on('disconnect', () => process.exit());
}

export interface Child<H extends Handlers> {
  readonly pid: number;
  /** @throws what the handler threw, as text */
  call<N extends keyof H & string>(name: N, argument: Parameters<H[N]>[0]): Promise<Awaited<ReturnType<H[N]>>>;
  stop(): void;
}

/** In the parent. @param file a module that calls `answerCalls` with handlers of type H */
export function startChild<H extends Handlers>(file: string, nodeArguments: readonly string[] = []): Child<H> {
  const child: ChildProcess = fork(file, [], { execArgv: [...nodeArguments], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  return {
    pid: child.pid ?? -1,
    call: (name, argument) => new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => { reject(new Error(`${file} ended with ${code ?? 'a signal'}`)); };
      child.once('exit', onExit);
      child.once('message', (reply: Reply) => {
        child.off('exit', onExit);
        if ('error' in reply) reject(new Error(reply.error));
        else resolve(reply.value as Awaited<ReturnType<H[typeof name]>>);
      });
      child.send({ name, argument } satisfies Call);
    }),
    stop: () => { if (child.connected) child.disconnect(); },
  };
}
