/** What every command gets: where to print, what is configured, and when to stop. */
import type { Environment } from '../config/environment.ts';
import { loadConfig, type FlagSetting, type ResolvedConfig } from '../config/load.ts';
import type { Interruption } from './interruption.ts';
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
  /** @see Interruption.await */
  interrupt(): AbortSignal;
}

export function createContext(flags: CommonFlags, output: Output, environment: Environment, version: string, interruption: Interruption): Context {
  let config: ResolvedConfig | undefined;
  const keys = { address: 'temporal.address', namespace: 'temporal.namespace', profile: 'temporal.profile', queues: 'worker.queues' } as const;
  const settings = (['address', 'namespace', 'profile', 'queues'] as const).flatMap((name): FlagSetting[] => {
    const value = flags[name];
    return value === undefined ? [] : [{ key: keys[name], value, flag: `--${name}` }];
  });
  return {
    output, environment, version,
    config: () => config ??= loadConfig({ file: flags.config, environment, flags: settings }),
    interrupt: () => interruption.await(),
  };
}
