/** Histories that were recorded before still lead the workflow code of today to the same commands. No server is needed. */
import { readdirSync, readFileSync } from 'node:fs';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker, type WorkflowBundleOption } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { readEnvironment } from '../../src/config/environment.ts';
import { WORKFLOWS } from '../../src/contracts/names.ts';
import { findWorkflowBundle } from '../../src/workers/bundle.ts';

interface Started { readonly workflowExecutionStartedEventAttributes?: { readonly workflowId: string; readonly workflowType: { readonly name: string } } }

const folder = new URL('./histories/', import.meta.url);
const recorded = readdirSync(folder).filter((name) => name.endsWith('.json'))
  .map((name) => ({ name, json: JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as { events: Started[] } }));

describe('recorded histories', () => {
  let workflowBundle: WorkflowBundleOption;

  beforeAll(async () => {
    Runtime.install({ logger: new DefaultLogger('ERROR') });
    workflowBundle = { codePath: await findWorkflowBundle(readEnvironment().paths.cache, new DefaultLogger('ERROR')) };
  });

  it('are there for every workflow type but mergePage, which needs 500 batches', () => {
    const types = new Set(recorded.map(({ json }) => json.events[0]?.workflowExecutionStartedEventAttributes?.workflowType.name));
    expect([...types].sort()).toEqual(Object.values(WORKFLOWS).filter((type) => type !== 'mergePage').sort());
  });

  it.each(recorded)('$name is followed', async ({ json }) => {
    // Children are named after their root, so its id is part of what is replayed.
    await Worker.runReplayHistory({ workflowBundle }, historyFromJSON(json), json.events[0]?.workflowExecutionStartedEventAttributes?.workflowId);
  });

  it('with a command that the code does not give is noticed', async () => {
    const whole = recorded.find(({ name }) => name === 'merge-run-completed.json');
    const changed = JSON.parse(JSON.stringify(whole?.json).replaceAll('"resolveSpec"', '"resolveSomethingElse"')) as unknown;
    await expect(Worker.runReplayHistory({ workflowBundle }, historyFromJSON(changed))).rejects.toThrow();
  });
});
