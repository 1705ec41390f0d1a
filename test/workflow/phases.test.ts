/** A run from its start to its report. */
import { describe, expect, it } from '@jest/globals';
import { ApplicationFailure } from '@temporalio/common';
import type { MergeChunksInput, MergeChunksResult } from '../../src/contracts/activities.ts';
import { MEMO } from '../../src/contracts/names.ts';
import type { Progress } from '../../src/contracts/progress.ts';
import { createFakes, cursorAfter, described, linesAt, mergedBatch, reached } from '../support/fake-activities.ts';
import { useWorkflowRig } from '../support/workflow-rig.ts';

const rig = useWorkflowRig();

const denied = (): never => {
  throw ApplicationFailure.create({ type: 'TRB-ACCESS-DENIED', nonRetryable: true, message: 's3://logs/ may not be listed', details: [{ bucket: 'logs' }] });
};

describe('the phases of a run', () => {
  it('plans, writes, verifies and reports, in this order', async () => {
    const fakes = createFakes([2]);
    await rig().serve(fakes, async () => {
      const run = await rig().start('phases');
      expect(await run.result()).toMatchObject({ status: 'completed', run: { id: 'phases', planHash: 'plan-hash' }, done: { objects: 2 }, lines: 2 });
      expect(await run.query<Progress>('progress')).toMatchObject({ phase: 'DONE', state: 'ended', batches: { total: 2, done: 2, running: 0 }, result: { status: 'completed' } });
    });
    expect(fakes.calls.map(({ name }) => name)).toEqual([
      'resolveSpec', 'checkAccess', 'planPage', 'describeBatches', 'mergeChunks', 'mergeChunks', 'verifyPage', 'writeReport',
    ]);
  });

  it('asks what its batches are only where the plan does not say', async () => {
    const { activities: { planPage } } = createFakes([2]);
    const fakes = createFakes([2], { planPage: async (input) => described(await planPage(input), ['one', 'two']) });
    await rig().serve(fakes, async () => {
      const run = await rig().start('described');
      await run.result();
      const children = fakes.calls.filter(({ name }) => name === 'mergeChunks').map(({ workflowId }) => rig().client.workflow.getHandle(workflowId).describe());
      expect((await Promise.all(children.map(async (child) => (await child).staticSummary()))).sort()).toEqual(['2 batches, the first: one', '2 batches, the first: one']);
    });
    expect(fakes.of('describeBatches')).toEqual([]);
  });

  it('tries every call again within five seconds, however often its worker has died, and without end', async () => {
    const fakes = createFakes([1]);
    await rig().serve(fakes, async () => {
      const run = await rig().start('patient');
      await run.result();
      const batch = fakes.calls.find(({ name }) => name === 'mergeChunks')!.workflowId;
      const histories = await Promise.all([run, rig().client.workflow.getHandle(batch)].map((handle) => handle.fetchHistory()));
      const policies = histories.flatMap(({ events }) => events ?? []).flatMap(({ activityTaskScheduledEventAttributes: call }) => (call ? [call.retryPolicy] : []));
      expect(policies).toHaveLength(fakes.calls.length);
      expect(new Set(policies.map((policy) => Number(policy?.maximumInterval?.seconds)))).toEqual(new Set([5]));
      expect(new Set(policies.map((policy) => policy?.maximumAttempts ?? 0))).toEqual(new Set([0]));
    });
  });

  it('adds up the requests of the plan, the batches and the verification, and reports the differences', async () => {
    const counted = (): ReturnType<typeof mergedBatch> => {
      const { cursor } = mergedBatch();
      return reached({ ...cursor, tally: { ...cursor.tally, requests: { ...cursor.tally.requests, get: 5 } } });
    };
    const fakes = createFakes([3], {
      mergeChunks: async () => counted(),
      verifyPage: async () => ({ differences: 2, requests: { list: 1, get: 0, head: 4, put: 0, copy: 0, delete: 0 } }),
    });
    await rig().serve(fakes, async () => {
      const run = await rig().start('requests');
      expect(await run.result()).toMatchObject({ requests: { list: 2, get: 15, head: 4 }, verify: { mode: 'size', differences: 2 } });
    });
  });

  it('plans call after call, each from the segment of the one before', async () => {
    const segments = ['one', 'two', 'three'];
    const fakes = createFakes([1]);
    const { planPage } = fakes.activities;
    const plan = createFakes([1], {
      planPage: async (input) => {
        const at = input.segment === null ? 0 : segments.indexOf(input.segment) + 1;
        const last = await planPage(input);
        return { ...last, segment: segments[at]!, plan: at === 2 ? last.plan : null };
      },
    });
    await rig().serve(plan, async () => { await (await rig().start('segments')).result(); });
    expect(plan.of('planPage').map(({ segment }) => segment)).toEqual([null, 'one', 'two']);
    expect(plan.of('mergeChunks')).toHaveLength(1);
  });

  it('merges a batch call after call, each from the cursor of the one before', async () => {
    const fakes = createFakes([1], {
      mergeChunks: async (input) => reached(cursorAfter(linesAt(input) + 1, linesAt(input) === 3)),
    });
    await rig().serve(fakes, async () => {
      expect(await (await rig().start('calls')).result()).toMatchObject({ lines: 4, done: { objects: 1 } });
    });
    expect(fakes.of('mergeChunks').map(linesAt)).toEqual([0, 1, 2, 3]);
    expect(fakes.of('mergeChunks').map(({ recovering }) => recovering)).toEqual([false, false, false, false]);
  });

  it('only plans where the run is a dry one, and takes no lease', async () => {
    const fakes = createFakes([2]);
    const recorded = await rig().serve(fakes, async () => {
      expect(await (await rig().start('dry', { dryRun: true })).result()).toMatchObject({ schema: 'tributary.plan/1', planned: { objects: 2 } });
    });
    expect(recorded.map(({ type }) => type)).toEqual(['mergeRun']);
    expect(fakes.calls.map(({ name }) => name)).toEqual(['resolveSpec', 'checkAccess', 'planPage', 'writePlanReport']);
  });

  it('opens the plan of another run instead of making one', async () => {
    const fakes = createFakes([1]);
    await rig().serve(fakes, async () => {
      // The listing was paid for by the run that planned.
      expect(await (await rig().start('apply', { planHash: 'theirs' })).result()).toMatchObject({ planned: { objects: 1 }, requests: { list: 0 } });
    });
    expect(fakes.of('openPlan')).toMatchObject([{ planHash: 'theirs' }]);
    expect(fakes.of('planPage')).toEqual([]);
    expect(fakes.of('mergeChunks')).toHaveLength(1);
  });

  it('ends with a report where there is nothing to merge, and does not verify where nobody asked for it', async () => {
    const fakes = createFakes([]);
    const recorded = await rig().serve(fakes, async () => {
      expect(await (await rig().start('empty', { verify: 'none' })).result()).toMatchObject({ status: 'completed', lines: 0, verify: { mode: 'none', differences: 0 } });
    });
    expect(recorded.map(({ type }) => type)).toEqual(['mergeRun', 'targetLease']);
    expect(fakes.of('verifyPage')).toEqual([]);
  });
});

describe('a run that fails', () => {
  it('says what is wrong with its input, whatever that is', async () => {
    const fakes = createFakes([1], {
      resolveSpec: async ({ raw }) => { throw ApplicationFailure.create({ type: 'TRB-INVALID-INPUT', nonRetryable: true, message: `no input: ${JSON.stringify(raw)}` }); },
    });
    await rig().serve(fakes, async () => {
      for (const [index, args] of [[], [null], ['text'], [[1, 2]], [{ source: 1 }]].entries()) {
        const run = await rig().startType('mergeRun', `junk-${index}`, args);
        await expect(run.result()).rejects.toMatchObject({ cause: { type: 'TRB-INVALID-INPUT', message: `no input: ${JSON.stringify(args[0] ?? {})}` } });
      }
    });
  });

  it.each(['checkAccess', 'planPage', 'describeBatches', 'mergeChunks', 'verifyPage', 'writeReport'] as const)(
    'ends with the code and the words of %s, and gives the lease back', async (name) => {
      const well = createFakes([2]).activities[name] as (input: unknown) => Promise<unknown>;
      let isDenied = true;
      await rig().serve(createFakes([2], { [name]: (input: unknown) => (isDenied ? denied() : well(input)) }), async () => {
        const run = await rig().start(`denied-${name}`);
        await expect(run.result()).rejects.toMatchObject({ cause: { type: 'TRB-ACCESS-DENIED', message: 's3://logs/ may not be listed', details: [{ bucket: 'logs' }, {}] } });
        const { events } = await run.fetchHistory();
        expect(events?.at(-1)?.workflowExecutionFailedEventAttributes?.failure?.stackTrace).toBe('');
        isDenied = false;
        expect(await (await rig().start(`after-${name}`)).result()).toMatchObject({ status: 'completed' });
      });
    });

  it('leaves a report of what was done, once there is a plan', async () => {
    const fakes = createFakes([2], { verifyPage: async () => denied() });
    await rig().serve(fakes, async () => {
      await expect((await rig().start('report-of-failure')).result()).rejects.toThrow();
    });
    expect(fakes.of('writeReport')).toMatchObject([{
      status: 'failed', tally: { doneObjects: 2, lines: 2 }, planned: { objects: 2 }, failure: { code: 'TRB-ACCESS-DENIED', facts: { message: 's3://logs/ may not be listed', bucket: 'logs' } },
    }]);
  });
});

describe('what people see of a run', () => {
  it('is its phase and target as search attributes, its place in the memo, and a table of its figures', async () => {
    await rig().serve(createFakes([2]), async () => {
      const run = await rig().start('seen', { target: 's3://merged/seen/' });
      await run.result();
      const { memo, typedSearchAttributes } = await run.describe();
      const attributes = Object.fromEntries(typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]));
      expect(attributes).toMatchObject({ TributaryJob: 'merge', TributaryPhase: 'DONE', TributaryTarget: 's3://merged/seen/' });
      expect(memo).toMatchObject({ [MEMO.run]: { id: 'seen', control: { bucket: 'merged' }, createOnce: true } });
      const { currentDetails } = await run.query<{ currentDetails: string }>('__temporal_workflow_metadata');
      expect(currentDetails).toContain('**DONE** merge s3://logs/ → s3://merged/seen/');
      expect(currentDetails).toContain('| batches | 2 of 2, 0 running |');
    });
  });

  it('is no search attribute where the server does not know them', async () => {
    const { resolveSpec } = createFakes([1]).activities;
    const fakes = createFakes([1], { resolveSpec: async (input) => ({ ...await resolveSpec(input), searchAttributes: false }) });
    const recorded = await rig().serve(fakes, async () => { await (await rig().start('plain-server')).result(); });
    expect(recorded.flatMap(({ history }) => history.events ?? []).filter((event) => event.upsertWorkflowSearchAttributesEventAttributes)).toEqual([]);
  });

  it('is a summary on every child and on every call that moves bytes', async () => {
    const call = async (input: MergeChunksInput): Promise<MergeChunksResult> => (input.batch === 1 && input.cursor === null ? reached(cursorAfter(1)) : mergedBatch());
    const recorded = await rig().serve(createFakes([2], { mergeChunks: call }), async () => { await (await rig().start('summaries')).result(); });
    const summaries = recorded.flatMap(({ history }) => history.events ?? [])
      .filter((event) => event.startChildWorkflowExecutionInitiatedEventAttributes ?? event.activityTaskScheduledEventAttributes?.taskQueue?.name === 'tributary-data')
      .map((event) => Buffer.from(event.userMetadata?.summary?.data ?? []).toString());
    expect(summaries.sort()).toEqual(['"2 batches, the first: batch 0 of page 0"', '"batch 0 of page 0"', '"batch 1 of page 0"', '"batch 1 of page 0, call 2"', '"writer of s3://merged/"']);
  });
});

describe('the look at the target', () => {
  it.each([['mergeRun', 'verifyPage', {}], ['verifyRun', 'verifyAll', { run: 'w', mode: 'content' }]])('of %s has days for an attempt: it may read all that was written', async (type, activity, input) => {
    const [recorded] = await rig().serve(createFakes([1]), async () => { await (await rig().startType(type, `days-${type}`, [input])).result(); });
    const scheduled = recorded?.history.events?.map((event) => event.activityTaskScheduledEventAttributes).find((attributes) => attributes?.activityType?.name === activity);
    expect(Number(scheduled?.startToCloseTimeout?.seconds)).toBe(10 * 24 * 3600);
  });
});

describe('verifyRun', () => {
  it('answers with what it found', async () => {
    const fakes = createFakes([4]);
    await rig().serve(fakes, async () => {
      const run = await rig().startType('verifyRun', 'verify', [{ run: 'w', mode: 'content' }]);
      expect(await run.result()).toMatchObject({ run: 'w', mode: 'content', chunks: 4, differences: [] });
    });
  });

  it.each([[[]], [[null]], [['w']], [[{ id: 'w' }]]])('refuses %j with what it takes', async (args) => {
    await rig().serve(createFakes([1]), async () => {
      const run = await rig().startType('verifyRun', `verify-${JSON.stringify(args)}`, args);
      await expect(run.result()).rejects.toMatchObject({ cause: { type: 'TRB-INVALID-INPUT' } });
    });
  });
});
