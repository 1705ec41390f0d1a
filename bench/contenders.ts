/** Who is measured. */
import { join } from 'node:path';
import { startChild } from './calls.ts';
import type { Contender, ContenderName } from './contender.ts';
import type { MoverHandlers } from './mover-main.ts';
import { startRclone } from './rclone.ts';
import type { BenchServer } from './servers.ts';
import { startTributary } from './tributary.ts';
import { watchUsage } from './usage.ts';

/** @returns why it cannot take part on this server, where it cannot */
export async function startContender(name: ContenderName, server: BenchServer): Promise<Contender | string> {
  switch (name) {
    case 'tributary': return startTributary(name, server, 'auto');
    case 'sdk': return startTributary(name, server, 'sdk');
    case 'rclone': return startRclone(server);
    default: return startMover(name, server);
  }
}

async function startMover(name: 'bare' | 'undici', server: BenchServer): Promise<Contender> {
  const child = startChild<MoverHandlers>(join(import.meta.dirname, 'mover-main.ts'));
  await child.call('open', { kind: name, place: server.place });
  return {
    name, keepsOrder: true,
    whyNot: ({ gzip }) => (gzip ? 'it does not decode' : null),
    prepare: async (set, seed, etags) => { await child.call('prepare', { set: set.name, seed, etags }); },
    run: async () => {
      const usage = watchUsage(child.pid);
      const { seconds, requests } = await child.call('run', null);
      return { seconds, writeSeconds: seconds, requests, ...usage() };
    },
    controlPlane: async () => null,
    stop: async () => { child.stop(); },
  };
}
