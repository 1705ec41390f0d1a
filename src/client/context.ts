/** What every command gets: where to print, what is configured, and when to stop. */
import type { Environment } from '../config/environment.ts';
import { loadConfig, type FlagSetting, type ResolvedConfig } from '../config/load.ts';
import { EXIT } from '../contracts/errors.ts';
import type { Output } from './output.ts';

/** Flags that every command takes. */
export interface CommonFlags {
  readonly output?: 'text' | 'json' | 'jsonl';
  readonly color?: 'auto' | 'always' | 'never';
  readonly verbose?: boolean;
  readonly quiet?: boolean;
  readonly config?: string;
  readonly address?: string;
  readonly namespace?: string;
  readonly profile?: string;
  /** Of `worker` only. */
  readonly queues?: string;
}

export interface Context {
  readonly output: Output;
  readonly environment: Environment;
  /** Version of this program. */
  readonly version: string;
  /** The configuration; read when it is first asked for. @throws TRB-INVALID-CONFIG */
  config(): ResolvedConfig;
  /** From its first use on Ctrl-C and SIGTERM abort this signal instead of ending the process; a second one ends it at once. */
  interrupt(): AbortSignal;
}

export function createContext(flags: CommonFlags, output: Output, environment: Environment, version: string): Context {
  let config: ResolvedConfig | undefined;
  let interrupt: AbortSignal | undefined;
  const keys = { address: 'temporal.address', namespace: 'temporal.namespace', profile: 'temporal.profile', queues: 'worker.queues' } as const;
  const settings = (['address', 'namespace', 'profile', 'queues'] as const).flatMap((name): FlagSetting[] => {
    const value = flags[name];
    return value === undefined ? [] : [{ key: keys[name], value, flag: `--${name}` }];
  });
  return {
    output, environment, version,
    config: () => config ??= loadConfig({ file: flags.config, environment, flags: settings }),
    interrupt: () => interrupt ??= listenForInterrupt(),
  };
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

function listenForInterrupt(): AbortSignal {
  const abort = new AbortController();
  const onSignal = (): void => {
    if (abort.signal.aborted) process.exit(EXIT.detached);
    abort.abort(new Error('interrupted'));
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return abort.signal;
}
