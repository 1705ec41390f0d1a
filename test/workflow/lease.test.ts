/** One writer per target. */
import { describe, expect, it } from '@jest/globals';
import type { WorkflowHandle, WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { ensureTemporalBinary } from '../../src/client/services/ensure-program.ts';
import { runProgram } from '../../src/client/services/run-program.ts';
import { createEndOrphans } from '../../src/activities/end-orphans.ts';
import { createFindLeaseHolder } from '../../src/activities/find-lease-holder.ts';
import type { ActivityDeps } from '../../src/activities/deps.ts';
import { createFakes, interrupted, linesAt, mergedBatch, type Activities, type Fakes } from '../support/fake-activities.ts';
import { createGate, type Gate } from '../support/gate.ts';
import { until } from '../support/until.ts';
import { useWorkflowRig } from '../support/workflow-rig.ts';

const rig = useWorkflowRig();

/** With the real activities that ask the server only. */
function fakesThatLook(overrides: Partial<Activities> = {}, workPages: readonly number[] = [1]): Fakes {
  const deps = { temporal: rig().client } as ActivityDeps;
  const findLeaseHolder: Activities['findLeaseHolder'] = (input) => createFindLeaseHolder(deps)(input);
  return createFakes(workPages, { findLeaseHolder, endOrphans: createEndOrphans(deps), ...overrides });
}

/** The first run that merges waits for the gate. */
function firstWaits(gate: Gate): Partial<Activities> {
  let calls = 0;
  return { mergeChunks: async () => {
    calls += 1;
    if (calls === 1) await gate.opened;
    return mergedBatch();
  } };
}

describe('the lease on a target', () => {
  it('ends a second run on the same target at once, with the name of the first', async () => {
    const gate = createGate();
    const fakes = fakesThatLook(firstWaits(gate));
    await rig().serve(fakes, async () => {
      const first = await rig().start('first', { target: 's3://merged/busy/' });
      await until(() => fakes.of('mergeChunks').length, (calls) => calls === 1);
      const second = await rig().start('second', { target: 's3://merged/busy/' });
      await expect(second.result()).rejects.toMatchObject({
        cause: { type: 'TRB-TARGET-BUSY', message: 'the run first is writing to s3://merged/busy/', details: [{ run: 'first', target: 's3://merged/busy/' }, {}] },
      });
      expect(await (await rig().start('elsewhere', { target: 's3://merged/other/' })).result()).toMatchObject({ status: 'completed' });
      gate.open();
      expect(await first.result()).toMatchObject({ status: 'completed' });
      expect(await (await rig().start('third', { target: 's3://merged/busy/' })).result()).toMatchObject({ status: 'completed' });
    });
  });

  it('lets exactly one of many runs go first that start at once', async () => {
    const gate = createGate();
    const fakes = fakesThatLook({ mergeChunks: async () => { await gate.opened; return mergedBatch(); } });
    await rig().serve(fakes, async () => {
      const runs = await Promise.all(Array.from({ length: 6 }, (_, index) => rig().start(`racer-${index}`)));
      const results = runs.map((run) => run.result().then(() => 'merged', (error: unknown) => (error as { readonly cause: { readonly type: string } }).cause.type));
      await until(() => fakes.of('mergeChunks').length, (calls) => calls === 1);
      await Promise.race(results);
      gate.open();
      expect((await Promise.all(results)).sort()).toEqual([...Array.from({ length: 5 }, () => 'TRB-TARGET-BUSY'), 'merged']);
    });
  });

  it('ends with its run, however that ends, and is there at once for the next', async () => {
    let ended = 0;
    const fakes = fakesThatLook({ mergeChunks: async () => {
      ended += 1;
      if (ended % 2 === 0) throw ApplicationFailure.nonRetryable('denied', 'TRB-ACCESS-DENIED', {}, null);
      return mergedBatch();
    } });
    await rig().serve(fakes, async () => {
      for (let run = 0; run < 6; run += 1) {
        const result = await (await rig().start(`follower-${run}`, { target: 's3://merged/followed/' })).result().then(() => 'completed', (error: unknown) => (error as { readonly cause: { readonly type: string } }).cause.type);
        expect(result).toBe(run % 2 === 0 ? 'completed' : 'TRB-ACCESS-DENIED');
      }
      const lease = rig().client.workflow.getHandle('tributary-lease-s3---merged-followed-');
      expect((await until(() => lease.describe(), ({ status }) => status.name !== 'RUNNING')).status.name).toBe('COMPLETED');
    });
  });

  it('is nobody\'s when its run was terminated', async () => {
    const gate = createGate();
    const fakes = fakesThatLook(firstWaits(gate));
    await rig().serve(fakes, async () => {
      const first = await rig().start('terminated', { target: 's3://merged/terminated/' });
      await until(() => fakes.of('mergeChunks').length, (calls) => calls === 1);
      await first.terminate('as an operator does');
      expect(await (await rig().start('successor', { target: 's3://merged/terminated/' })).result()).toMatchObject({ status: 'completed' });
    });
  });
});

describe('a run that is reset', () => {
  /** @returns the run that goes on from there */
  async function reset(run: WorkflowHandleWithFirstExecutionRunId, to: string | number): Promise<WorkflowHandle> {
    const { output } = await runProgram(await ensureTemporalBinary(), [
      'workflow', 'reset', '--workflow-id', run.workflowId, '--run-id', run.firstExecutionRunId, ...(typeof to === 'string' ? ['--type', to] : ['--event-id', String(to)]), '--reason', 'test', '--address', rig().env.address, '-o', 'json',
    ]);
    const { runId } = JSON.parse(output) as { runId: string };
    rig().adopt(run.workflowId, runId);
    return rig().client.workflow.getHandle(run.workflowId, runId);
  }

  /** The workflows whose calls merged. */
  const callsIn = (fakes: Fakes): string[] => fakes.calls.filter(({ name }) => name === 'mergeChunks').map(({ workflowId }) => workflowId);

  const stamps = (fakes: Fakes): Set<string> => new Set(fakes.of('writeReport').map(({ run }) => run.stamp));

  it.each([
    { when: 'while it writes', to: 'FirstWorkflowTask', ended: false }, { when: 'after it has ended', to: 'FirstWorkflowTask', ended: true }, { when: 'after it has ended', to: 'LastWorkflowTask', ended: true },
  ])('$when to its $to goes on from there with the same stamp, and ends', async ({ to, ended }) => {
    const id = `reset-${to}-${ended ? 'ended' : 'writing'}`;
    const fakes = fakesThatLook({ mergeChunks: (input) => (ended || fakes.of('mergeChunks').length > 1 ? Promise.resolve(mergedBatch()) : interrupted(input)) });
    await rig().serve(fakes, async () => {
      const run = await rig().start(id, { target: `s3://merged/${id}/` });
      if (ended) await run.result();
      else await until(() => fakes.of('mergeChunks').length, (calls) => calls === 1);
      expect(await (await reset(run, to)).result()).toMatchObject({ status: 'completed', done: { objects: 1 } });
    });
    expect(stamps(fakes)).toEqual(new Set([fakes.of('resolveSpec')[0]!.identity.stamp]));
  });

  it('after it has failed to the point before it began to write goes on from there, though its lease has ended', async () => {
    const fakes = fakesThatLook({ mergeChunks: async () => {
      if (fakes.of('mergeChunks').length === 1) throw ApplicationFailure.nonRetryable('denied', 'TRB-ACCESS-DENIED', {}, null);
      return mergedBatch();
    } });
    await rig().serve(fakes, async () => {
      const run = await rig().start('reset-failed', { target: 's3://merged/reset-failed/' });
      await expect(run.result()).rejects.toThrow();
      const { events } = await run.fetchHistory();
      const started = events?.findLastIndex(({ startChildWorkflowExecutionInitiatedEventAttributes: child }) => child) ?? 0;
      const before = events?.slice(0, started).findLast(({ workflowTaskCompletedEventAttributes: task }) => task);
      expect(await (await reset(run, Number(before?.eventId))).result()).toMatchObject({ status: 'completed', done: { objects: 1 } });
      expect(await (await rig().start('after-failed', { target: 's3://merged/reset-failed/' })).result()).toMatchObject({ status: 'completed' });
    });
  });

  /** Behind the start of its only batch, so that a reset to its last task comes after it. */
  async function written(run: WorkflowHandleWithFirstExecutionRunId, fakes: Fakes): Promise<void> {
    await until(() => run.fetchHistory(), ({ events }) => (events?.at(-1)?.workflowTaskCompletedEventAttributes ?? null) !== null && fakes.of('mergeChunks').length === 1);
  }

  it.each(['FirstWorkflowTask', 'LastWorkflowTask'])('after it was terminated to its %s goes on from there, with batches of its own', async (to) => {
    const gate = createGate();
    const fakes = fakesThatLook(firstWaits(gate));
    await rig().serve(fakes, async () => {
      const run = await rig().start(`terminated-${to}`, { target: `s3://merged/terminated-${to}/` });
      await written(run, fakes);
      await run.terminate('as an operator does');
      expect(await (await reset(run, to)).result()).toMatchObject({ status: 'completed', done: { objects: 1 } });
      gate.open();
    });
    expect(stamps(fakes).size).toBe(1);
    expect(new Set(callsIn(fakes)).size).toBe(2);
  });

  it.each([
    { batches: 'of one page', workPages: [1], what: null }, { batches: 'of one page', workPages: [1], what: 'cancel' }, { batches: 'of several pages', workPages: [1, 1], what: 'cancel' },
  ])('while it writes to a point before its batches $batches ends those before it ends ($what)', async ({ workPages, what }) => {
    const id = `reset "${workPages.length}" ${what}`;
    const count = workPages.length;
    let running = 0;
    const atReport: number[] = [];
    const well = createFakes(workPages).activities;
    const fakes = fakesThatLook({
      mergeChunks: async (input) => {
        if (what === null && fakes.of('mergeChunks').length > count) return mergedBatch();
        running += 1;
        return interrupted(input).finally(() => { running -= 1; });
      },
      writeReport: async (input) => {
        atReport.push(running);
        return well.writeReport(input);
      },
    }, workPages);
    await rig().serve(fakes, async () => {
      const run = await rig().start(id, { target: `s3://merged/${count}/${what}/` });
      await until(() => fakes.of('mergeChunks').length, (calls) => calls === count);
      const before = callsIn(fakes);
      const again = await reset(run, 'FirstWorkflowTask');
      await until(() => fakes.of('mergeChunks').length, (calls) => calls === 2 * count);
      if (what !== null) await again.signal(what);
      expect(await again.result()).toMatchObject({ status: what === null ? 'completed' : 'cancelled' });
      for (const orphan of before) await until(() => rig().client.workflow.getHandle(orphan).describe(), ({ status }) => status.name === 'TERMINATED');
    });
    expect(atReport).toEqual([0]);
  });

  it('after it was terminated can be cancelled', async () => {
    const gate = createGate();
    const fakes = fakesThatLook({ mergeChunks: async (input) => {
      if (fakes.of('mergeChunks').length > 1) return interrupted(input);
      await gate.opened;
      return mergedBatch();
    } });
    await rig().serve(fakes, async () => {
      const run = await rig().start('terminated-cancelled', { target: 's3://merged/terminated-cancelled/' });
      await written(run, fakes);
      await run.terminate('as an operator does');
      const again = await reset(run, 'LastWorkflowTask');
      await again.signal('cancel');
      expect(await again.result()).toMatchObject({ status: 'cancelled' });
      gate.open();
    });
  });

  it('after it was terminated stops writing where another run has its target by then', async () => {
    const gate = createGate();
    const fakes = fakesThatLook({ mergeChunks: (input) => (fakes.of('mergeChunks').length === 1 ? gate.opened.then(() => mergedBatch()) : interrupted(input)) });
    await rig().serve(fakes, async () => {
      const run = await rig().start('terminated-late', { target: 's3://merged/terminated-late/' });
      await written(run, fakes);
      await run.terminate('as an operator does');
      const other = await rig().start('terminated-heir', { target: 's3://merged/terminated-late/' });
      await until(() => fakes.of('mergeChunks').length, (calls) => calls === 2);
      await expect((await reset(run, 'LastWorkflowTask')).result()).rejects.toMatchObject({ cause: { type: 'TRB-TARGET-BUSY', message: 'the run terminated-heir is writing to s3://merged/terminated-late/' } });
      gate.open();
      await other.signal('cancel');
      expect(await other.result()).toMatchObject({ status: 'cancelled' });
    });
  });

  it('while it writes keeps its lease: another run is refused', async () => {
    const gate = createGate();
    const fakes = fakesThatLook(firstWaits(gate));
    await rig().serve(fakes, async () => {
      const run = await rig().start('reset-refuses', { target: 's3://merged/reset-refuses/' });
      await written(run, fakes);
      const again = await reset(run, 'LastWorkflowTask');
      await until(() => again.fetchHistory(), ({ events }) => events!.filter(({ childWorkflowExecutionStartedEventAttributes: child }) => child?.workflowType?.name === 'targetLease').length > 1);
      await expect((await rig().start('reset-refused', { target: 's3://merged/reset-refuses/' })).result()).rejects.toMatchObject({ cause: { type: 'TRB-TARGET-BUSY' } });
      gate.open();
      expect(await again.result()).toMatchObject({ status: 'completed' });
    });
  });

  it('while it writes to its LastWorkflowTask keeps its children and its lease, and tells them what is asked of it', async () => {
    const fakes = fakesThatLook({ mergeChunks: (input) => (fakes.of('mergeChunks').length === 1 ? interrupted(input) : Promise.resolve(mergedBatch(linesAt(input) + 1))) });
    await rig().serve(fakes, async () => {
      const run = await rig().start('reset-kept', { target: 's3://merged/reset-kept/' });
      await written(run, fakes);
      const again = await reset(run, 'LastWorkflowTask');
      await again.signal('pause');
      await again.signal('resume');
      expect(await again.result()).toMatchObject({ status: 'completed', done: { objects: 1 }, lines: 11 });
      expect(await (await rig().start('after-kept', { target: 's3://merged/reset-kept/' })).result()).toMatchObject({ status: 'completed' });
    });
  });
});
