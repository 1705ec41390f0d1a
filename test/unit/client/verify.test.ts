import { describe, expect, it } from '@jest/globals';
import { tellWhereNobodyWorks } from '../../../src/client/commands/verify.ts';
import { Output } from '../../../src/client/output.ts';
import type { Session } from '../../../src/client/session.ts';
import { readEnvironment } from '../../../src/config/environment.ts';
import { MemorySink } from './support.ts';

describe('a verification that waits', () => {
  it('says that no worker is there also where it went away later, once', async () => {
    const stderr = new MemorySink();
    const output = new Output({ format: 'text', color: 'never', verbosity: 0 }, { stdout: new MemorySink(), stderr }, readEnvironment({ HOME: '/' }).terminal);
    const stop = new AbortController();
    const looks = [true, false, false];
    const describeTaskQueue = async (): Promise<object> => {
      const polled = looks.shift() ?? false;
      if (looks.length === 0) setImmediate(() => { stop.abort(); });
      return { pollers: polled ? [{ lastAccessTime: { seconds: Date.now() / 1000 } }] : [] };
    };
    const session = { where: { kind: 'cluster' }, runs: { address: 'host:7233', namespace: 'default', client: { workflowService: { describeTaskQueue } } } } as unknown as Session;
    await tellWhereNobodyWorks(output, session, stop.signal).catch(() => undefined);
    expect(stderr.text).toBe('waiting: no worker serves the queue tributary at host:7233; start one with `tributary worker`\n');
  }, 15_000);
});
