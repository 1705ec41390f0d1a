import type { Client } from '@temporalio/client';
import { describe, expect, it } from '@jest/globals';
import { CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { ActivityDeps } from '../../../src/activities/deps.ts';
import type { RunArtefacts } from '../../../src/activities/run-artefacts.ts';
import { createVerifyAll } from '../../../src/activities/verify.ts';
import type { VerifyRunInput } from '../../../src/contracts/activities.ts';
import { emptyTally } from '../../../src/contracts/tally.ts';
import { createGate } from '../../support/gate.ts';
import { runInMemory, TARGET_BUCKET } from '../../support/memory-run.ts';
import { until } from '../../support/until.ts';

describe('a verification of a run whose target is empty', () => {
  it('counts every chunk that is gone, and lists as many as history can hold', async () => {
    const chunks = 10_500;
    const run = await runInMemory(new Map([['a.log', Buffer.from('\n'.repeat(chunks))]]), { chunk: { lines: 1 } });
    const { signal } = new AbortController();
    for (const key of run.chunks.keys()) await run.store.delete({ bucket: TARGET_BUCKET, key }, { signal });
    const { differences, omitted } = await run.verify('size');
    expect(differences.length + omitted).toBe(chunks);
    expect(Buffer.byteLength(JSON.stringify(differences))).toBeLessThan(1.1 * 2 ** 20);
    expect(differences[0]).toMatchObject({ mark: '+', what: 'is gone: 1 lines of the root' });
  });
});

describe('a verification of what chunks hold', () => {
  const sources = new Map([['a.log', Buffer.from('1\n2\n3\n4\n5\n6\n')]]);

  it('goes on behind the chunks that the attempt before had read', async () => {
    const run = await runInMemory(sources, { chunk: { lines: 1 } });
    const read: string[] = [];
    run.store.setFault(({ operation, key = '' }) => {
      if (operation === 'readInto' && run.chunks.has(key)) read.push(key);
      return undefined;
    });
    expect(await run.verify('content', new MockActivityEnvironment({ attempt: 2, heartbeatDetails: 4 }))).toMatchObject({ chunks: 6, differences: [] });
    expect(read).toEqual([...run.chunks.keys()].slice(4));
  });

  it.each([{ damaged: null, told: 5 }, { damaged: 2, told: 2 }])('tells how many it has read that are whole, up to the first that is not: chunk $damaged', async ({ damaged, told }) => {
    const run = await runInMemory(sources, { chunk: { lines: 1 } });
    const keys = [...run.chunks.keys()];
    if (damaged !== null) run.store.seed(TARGET_BUCKET, keys[damaged] ?? '', 'x\n');
    const atLast = createGate();
    const go = createGate();
    run.store.setFault(async ({ operation, key }) => {
      if (operation !== 'readInto' || key !== keys.at(-1)) return undefined;
      atLast.open();
      await go.opened;
      return undefined;
    });
    const environment = new MockActivityEnvironment({ attempt: 1, heartbeatTimeoutMs: 30 });
    const beats: unknown[] = [];
    environment.on('heartbeat', (details: unknown) => { beats.push(details); });
    const verified = run.verify('content', environment);
    await atLast.opened;
    const before = beats.length;
    await until(() => beats.length, (count) => count > before);
    expect(beats.at(-1)).toBe(told);
    go.open();
    expect((await verified).differences).toHaveLength(damaged === null ? 0 : 1);
  });
});

describe('a verification of a run by itself that is interrupted', () => {
  const sources = new Map([['a.log', Buffer.from('1\n2\n3\n4\n5\n6\n')]]);

  it.each([
    ['the first call', 0, undefined, 0], ['a call that goes on behind another', 2, undefined, 0], ['an attempt that goes on behind the one before', 1, { read: 2, requests: { ...emptyTally().requests, get: 100 } }, 100],
  ])('tells what it has read and asked for: %s', async (_, alreadyRead, heartbeatDetails, before) => {
    const run = await runInMemory(sources, { chunk: { lines: 1 } });
    const from = heartbeatDetails?.read ?? alreadyRead;
    const atFourth = createGate();
    const go = createGate();
    const read: string[] = [];
    run.store.setFault(async ({ operation, key = '' }) => {
      if (operation !== 'readInto' || !run.chunks.has(key) || read.push(key) < 4) return undefined;
      atFourth.open();
      await go.opened;
      return undefined;
    });
    const environment = new MockActivityEnvironment({ attempt: 1, heartbeatDetails });
    const page = run.verifyPage(alreadyRead, environment).catch((error: unknown) => error);
    await atFourth.opened;
    environment.cancel();
    go.open();
    const failure = await page;
    expect(failure).toBeInstanceOf(CancelledFailure);
    // The index is one listing and one read.
    expect(failure).toMatchObject({ details: [{ read: from + 3, requests: { list: 1, get: before + 1 + 4 } }] });
    expect(read).toEqual([...run.chunks.keys()].slice(from, from + 4));
  });
});

it('verifyAll refuses a run that has not ended, and does not wait for its end', async () => {
  const temporal = { workflow: { getHandle: () => ({ describe: async () => ({ status: { name: 'RUNNING' }, memo: {} }) }) } } as unknown as Client;
  const verifyAll = createVerifyAll({ temporal } as ActivityDeps, {} as unknown as RunArtefacts);
  const input: VerifyRunInput = { run: 'open', mode: 'size' };
  await expect(new MockActivityEnvironment({ attempt: 1 }).run(verifyAll, input)).rejects.toMatchObject({ type: 'TRB-RUN-OPEN', nonRetryable: true });
});
