import { QUEUES } from '../../contracts/names.ts';
import type { Context } from '../context.ts';
import { connectClient } from '../connect.ts';
import { toTributaryError } from '../failure.ts';
import { hasPollers } from '../pollers.ts';
import { Runs } from '../runs.ts';
import { missingSearchAttributes } from '../search-attributes.ts';
import { ensureTemporalBinary } from '../services/ensure-program.ts';
import type { Where } from '../where.ts';
import { bad, badBecause, good, note, type Finding } from './finding.ts';

/** The Temporal server and its workers; in local mode only the program that would be started. */
export async function examineTemporal({ environment, output }: Context, where: Where): Promise<Finding[]> {
  if (where.kind === 'embedded') {
    try {
      return [good('Temporal program', await ensureTemporalBinary({ environment, onProgress: (line) => { output.say(line); } }))];
    } catch (error) {
      return [badBecause('Temporal program', toTributaryError(error), 'Install Go, or the temporal command line, and try again.')];
    }
  }
  try {
    const connected = await connectClient(where.temporal, environment);
    try {
      return await examineServer(new Runs(connected));
    } finally {
      await connected.close();
    }
  } catch (error) {
    return [badBecause('Temporal', toTributaryError(error, { address: where.temporal.address ?? '' }))];
  }
}

async function examineServer(runs: Runs): Promise<Finding[]> {
  const { client, address, namespace } = runs;
  try {
    await client.workflowService.describeNamespace({ namespace });
  } catch (error) {
    return [good('Temporal', address), badBecause('namespace', toTributaryError(error, { address }), `Create it: temporal operator namespace create -n ${namespace}`)];
  }
  return [good('Temporal', address), good('namespace', namespace), await attributes(runs), await workers(runs)];
}

async function attributes(runs: Runs): Promise<Finding> {
  const missing = await missingSearchAttributes(runs).catch(() => undefined);
  if (missing === undefined) return note('search attributes', 'the server does not say which it has', 'Runs work without them; in Temporal Cloud they are made in its console.');
  return missing.length === 0 ? good('search attributes', 'all there') : note('search attributes', `missing: ${missing.join(', ')}`, 'Create them with `tributary setup`; runs work without them.');
}

async function workers(runs: Runs): Promise<Finding> {
  const idle: string[] = [];
  for (const queue of Object.values(QUEUES)) if (!await hasPollers(runs, queue)) idle.push(queue);
  if (idle.length === 0) return good('workers', `queues ${Object.values(QUEUES).join(' and ')} are served`);
  return bad('workers', `nobody serves ${idle.join(' and ')}`, 'Start one with `tributary worker`.', 'TRB-TEMPORAL-UNREACHABLE');
}
