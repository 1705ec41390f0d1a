/** Runs as Temporal's visibility lists them, with what their memo and their last event tell. Needs no worker. */
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import pLimit from 'p-limit';
import { TributaryError } from '../contracts/errors.ts';
import { formatS3Uri, locationInput } from '../contracts/location.ts';
import type { ApplyInput, MergeInput, RetryInput } from '../contracts/merge.ts';
import { QUERIES, QUEUES, WORKFLOWS } from '../contracts/names.ts';
import type { Progress } from '../contracts/progress.ts';
import { planReportSchema, reportSchema } from '../contracts/report.ts';
import type { RunLine } from './lines.ts';
import { hasPollers } from './pollers.ts';
import { hashOfInput, type RunMemo, type Runs } from './runs.ts';

const LOOKS_AT_ONCE = 16;
const STATE_TIMEOUT_MS = 2_000;

/** The newest runs first. */
export async function listRuns(runs: Runs, limit: number, wanted: (info: WorkflowExecutionInfo) => boolean = () => true): Promise<RunLine[]> {
  return runs.guard({}, async () => {
    const found = await newest(runs.client, `WorkflowType = '${WORKFLOWS.mergeRun}'`, limit);
    const atOnce = pLimit(LOOKS_AT_ONCE);
    return Promise.all(found.filter(wanted).map((info) => atOnce(() => lineOf(runs, info))));
  });
}

/** The same lines with what open runs are at: paused, or on their way to it. Where no worker answers soon they stay as they are. */
export async function withStates(runs: Runs, lines: readonly RunLine[]): Promise<RunLine[]> {
  const isOpen = ({ ended }: RunLine): boolean => ended === null;
  if (!lines.some(isOpen) || !await runs.guard({}, () => hasPollers(runs, QUEUES.control))) return [...lines];
  const atOnce = pLimit(LOOKS_AT_ONCE);
  return Promise.all(lines.map(async (line) => (isOpen(line) ? atOnce(async () => ({ ...line, status: await stateOf(runs, line) })) : line)));
}

async function stateOf({ client }: Runs, { id, status }: RunLine): Promise<string> {
  try {
    const { state } = await client.withDeadline(Date.now() + STATE_TIMEOUT_MS, () => client.workflow.getHandle(id).query<Progress>(QUERIES.progress));
    return state === 'ended' ? status : state;
  } catch {
    // Nobody answers, or it has just ended: a list says what it knows.
    return status;
  }
}

/**
 * The open run that was started by an input that says the same, and under this id where one is given: what a command that is said again goes on with.
 * @throws TRB-INVALID-INPUT where another input has the id; TRB-TARGET-BUSY where another run has the target
 */
export async function findOpenRun(runs: Runs, input: MergeInput | ApplyInput | RetryInput, id?: string): Promise<string | undefined> {
  const inputHash = hashOfInput(input);
  const open = await runs.guard({}, () => newest(runs.client, `WorkflowType = '${WORKFLOWS.mergeRun}' AND ExecutionStatus = 'Running'`, 1000));
  const same = open.find(({ memo, workflowId }) => memo?.['inputHash'] === inputHash && (id === undefined || workflowId === id));
  if (same) return same.workflowId;
  const goOn = (run: string): string => `\`tributary watch ${run}\` goes on with it, \`tributary cancel ${run}\` ends it`;
  if (open.some(({ workflowId }) => workflowId === id)) {
    throw new TributaryError('TRB-INVALID-INPUT', `the run ${id ?? ''} was started by another input, and has not ended: ${goOn(id ?? '')}; or choose another --id`);
  }
  if (!('target' in input) || input.dryRun === true) return undefined;
  const target = formatS3Uri(locationInput.parse(input.target));
  const busy = open.find(({ memo }) => memo?.['target'] === target);
  if (busy) throw new TributaryError('TRB-TARGET-BUSY', `the run ${busy.workflowId} writes to ${target}, and was not started by this input and id: ${goOn(busy.workflowId)}`);
  return undefined;
}

/** The newest finished run between two places that is no retry of another. */
export async function findFinishedRun(runs: Runs, source: string, target: string): Promise<string | undefined> {
  const uri = (text: string): string => formatS3Uri(locationInput.parse(text));
  const lines = await listRuns(runs, 1000, ({ memo }) => memo?.['retryOf'] === undefined);
  return lines.find((line) => line.source === uri(source) && line.target === uri(target) && line.status.startsWith('completed'))?.id;
}

async function newest(client: Client, query: string, limit: number): Promise<WorkflowExecutionInfo[]> {
  const found: WorkflowExecutionInfo[] = [];
  for await (const info of client.workflow.list({ query, pageSize: Math.min(limit, 1000) })) {
    if (found.push(info) >= limit) break;
  }
  return found.sort((a, b) => b.startTime.getTime() - a.startTime.getTime());
}

/** A run as `runs` lists it. */
export async function lineOf(runs: Runs, info: Omit<WorkflowExecutionInfo, 'raw'>): Promise<RunLine> {
  const { workflowId: id, status, startTime, closeTime } = info;
  const { source, target, label } = await placesOf(runs, info);
  return {
    id, job: 'merge', label, status: status.name === 'COMPLETED' ? await resultStatus(runs, info) : status.name.toLowerCase(),
    source, target, started: startTime.toISOString(), ended: closeTime?.toISOString() ?? null,
  };
}

/** Where a run reads and writes. */
export async function placesOf(runs: Runs, info: Pick<WorkflowExecutionInfo, 'memo' | 'workflowId' | 'runId'>): Promise<Places> {
  return memoOf(info) ?? await placesFromHistory(runs, info);
}

type Places = Pick<RunMemo, 'source' | 'target' | 'label'>;

function memoOf({ memo }: Pick<WorkflowExecutionInfo, 'memo'>): Places | undefined {
  const { source, target, label } = memo ?? {};
  if (typeof source !== 'string' || typeof target !== 'string') return undefined;
  return { source, target, label: typeof label === 'string' ? label : null };
}

/** A run that another program started has no memo, but an input. */
async function placesFromHistory(runs: Runs, { workflowId, runId }: Pick<WorkflowExecutionInfo, 'workflowId' | 'runId'>): Promise<Places> {
  const input = await inputOf(runs, { workflowId, runId });
  const uri = (place: unknown): string => {
    const parsed = locationInput.safeParse(place);
    return parsed.success ? formatS3Uri(parsed.data) : '';
  };
  const source = input.apply !== undefined ? `plan ${input.apply}` : input.retryOf !== undefined ? `failures of ${input.retryOf}` : uri(input.source);
  return { source, target: uri(input.target), label: input.label ?? null };
}

/** What a run was started with, from the first event of its history. */
export async function inputOf({ client, namespace }: Runs, execution: { readonly workflowId: string; readonly runId?: string }): Promise<Partial<MergeInput & ApplyInput & RetryInput>> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({ namespace, execution, maximumPageSize: 1 });
  const [payload] = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  const input: unknown = payload ? defaultPayloadConverter.fromPayload(payload) : {};
  return typeof input === 'object' && input !== null ? input : {};
}

/** What became of a run whose workflow has completed: its report's status, or that it only planned. */
export async function resultStatus(runs: Runs, { workflowId, runId }: Pick<WorkflowExecutionInfo, 'workflowId' | 'runId'>): Promise<string> {
  const result: unknown = await runs.client.workflow.getHandle(workflowId, runId).result();
  return planReportSchema.safeParse(result).success ? 'planned' : (reportSchema.safeParse(result).data?.status ?? 'completed');
}
