import type { Context } from '../context.ts';
import { findWhere, storesOf } from '../where.ts';

/** `tributary worker`: serves runs until a signal stops it. Where no server is named, that of `tributary dev`, else the usual address here. */
export async function worker(context: Context): Promise<number> {
  const config = context.config();
  const where = await findWhere(config);
  const { runWorkerProcess } = await import('../../workers/index.ts');
  if (where.kind !== 'dev') return runWorkerProcess(config);
  const stores = storesOf(config, where);
  const { address } = where.dev.temporal;
  return runWorkerProcess({ ...config, stores: () => stores, values: { ...config.values, temporal: { ...config.values.temporal, address } } });
}
