import { TributaryError } from '../contracts/errors.ts';
import { locationInput, type Location } from '../contracts/location.ts';

/** A place as it is written on the command line. @throws TRB-INVALID-INPUT */
export function placeOf(uri: string, store: string): Location {
  const parsed = locationInput.safeParse({ uri, store });
  if (!parsed.success) throw new TributaryError('TRB-INVALID-INPUT', `"${uri}" in store "${store}" is no place; write s3://bucket/prefix/`);
  return parsed.data;
}
