/** What is asked of a workflow while one of its children is being started reaches that child. */
import { describe, expect, it } from '@jest/globals';
import { fileURLToPath } from 'node:url';
import { DEFAULT_LIMITS } from '../../src/contracts/limits.ts';
import { createFakes } from '../support/fake-activities.ts';
import { until } from '../support/until.ts';
import { useWorkflowRig } from '../support/workflow-rig.ts';

const rig = useWorkflowRig({ workflows: fileURLToPath(new URL('../support/control-probe.ts', import.meta.url)) });

const limits = { ...DEFAULT_LIMITS, downloads: 5 };

type Message = readonly [name: string, ...args: unknown[]];

const cases: readonly { readonly before: readonly Message[]; readonly after: readonly Message[]; readonly told: readonly string[] }[] = [
  { before: [], after: [], told: [] },
  { before: [['pause']], after: [], told: ['pause'] },
  { before: [['pause']], after: [['resume']], told: ['pause', 'resume'] },
  { before: [['pause'], ['resume']], after: [], told: [] },
  { before: [['cancel']], after: [['resume'], ['pause']], told: ['cancel'] },
  { before: [['pause'], ['cancel']], after: [], told: ['cancel'] },
  { before: [['limits', limits]], after: [], told: ['limits 10'] },
  { before: [['limits', limits], ['pause']], after: [['limits', { ...limits, downloads: 25 }]], told: ['limits 10', 'pause', 'limits 50'] },
  { before: [], after: [['pause'], ['pause'], ['resume'], ['resume'], ['cancel'], ['cancel']], told: ['pause', 'resume', 'cancel'] },
];

describe('a child that is being started', () => {
  it.each(cases.map(({ before, after, told }) => {
    const messages: Message[] = [...before, ['started'], ...after];
    return { messages, told, names: messages.map(([name]) => name).join(', ') };
  }))('is told $told of $names', async ({ messages, told, names }) => {
    await rig().serve(createFakes([1]), async () => {
      const probe = await rig().startType('controlProbe', names, []);
      for (const [name, ...args] of messages) {
        // So that none of them shares a workflow task with the one before it.
        await probe.query('__stack_trace');
        await probe.signal(name, ...args);
        if (name === 'started') await until(() => toldOf(names), (heard) => heard !== null);
      }
      expect(await toldAtTheEnd(names, told)).toEqual(told);
      await probe.result();
    });
  });

  it('is told what came in the same workflow task as its start', async () => {
    const fakes = createFakes([1]);
    const handle = await rig().startType('controlProbe', 'probe-at-once', []);
    for (const name of ['pause', 'started']) await handle.signal(name);
    await rig().serve(fakes, async () => {
      expect(await toldAtTheEnd('probe-at-once', ['pause'])).toEqual(['pause']);
      await handle.result();
    });
  });
});

/** What a child was told once it is as much as it should be, or more. The child then ends. */
async function toldAtTheEnd(probe: string, expected: readonly string[]): Promise<unknown> {
  await until(() => toldOf(probe), (told) => told !== null && told.length >= expected.length);
  const child = rig().client.workflow.getHandle(`${probe}/child`);
  await child.signal('finished');
  return child.result();
}

/** What the child was told so far; null where it is not there yet. */
async function toldOf(probe: string): Promise<string[] | null> {
  return rig().client.workflow.getHandle(`${probe}/child`).query<string[]>('told').catch(() => null);
}
