import { EXIT } from '../../contracts/errors.ts';
import type { Context } from '../context.ts';
import { examineStores } from '../doctor/stores.ts';
import { examineTemporal } from '../doctor/temporal.ts';
import { examineMachine } from '../doctor/machine.ts';
import type { Finding } from '../doctor/finding.ts';
import { encryptionOf } from '../merge-input.ts';
import { placeOf } from '../place.ts';
import { renderDoctor } from '../render/doctor.ts';
import { findWhere, storesOf } from '../where.ts';

interface DoctorFlags {
  readonly sourceStore: string;
  readonly targetStore: string;
  readonly sse?: string;
}

/** `tributary doctor [SRC DST]`: every check is a small real call. @returns 0 where nothing is wrong, else the exit code of the first thing that is */
export async function doctor(context: Context, source: string | undefined, target: string | undefined, flags: DoctorFlags): Promise<number> {
  const places = {
    ...(source === undefined ? {} : { source: placeOf(source, flags.sourceStore) }),
    ...(target === undefined ? {} : { target: placeOf(target, flags.targetStore) }),
    ...(flags.sse === undefined ? {} : { encryption: encryptionOf(flags.sse) }),
  };
  const config = context.config();
  const where = await findWhere(config);
  const findings: Finding[] = [
    ...examineMachine(config, where),
    ...await examineTemporal(context, where),
    ...await examineStores(storesOf(config, where), places),
  ];
  context.output.answer(findings.map(({ exitCode: _, ...finding }) => finding), (style) => renderDoctor(findings, style));
  return findings.find(({ status }) => status === 'bad')?.exitCode ?? EXIT.ok;
}
