import type { ResolvedConfig } from '../../config/load.ts';
import type { Where } from '../where.ts';
import { bad, good, type Finding } from './finding.ts';

const OLDEST_NODE = [22, 15] as const;

/** This process and its configuration. */
export function examineMachine({ file, values }: ResolvedConfig, where: Where): Finding[] {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isNew = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  const place = { cluster: 'a Temporal server that is named', dev: 'the servers of `tributary dev`', embedded: 'local mode, with the embedded Temporal server' }[where.kind];
  return [
    isNew ? good('Node', process.versions.node) : bad('Node', `${process.versions.node} is too old`, `Install Node ${OLDEST_NODE.join('.')} or newer.`, 'TRB-INVALID-CONFIG'),
    good('configuration', `${file ?? 'no file'}; stores: ${Object.keys(values.stores).join(', ')}`),
    good('runs on', place),
  ];
}
