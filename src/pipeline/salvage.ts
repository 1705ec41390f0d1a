/**
 * Brings back what a decoder lost when it met damage. Node's decoders give nothing of the step that fails, so the source is
 * decoded again in ever smaller steps near the damage, at last byte by byte. So what decodes of the bytes before the one at which
 * decoding fails is kept, in whatever pieces the source was read: every attempt finds the same.
 */
import { crc32 } from '@node-rs/crc32';
import { isTributaryError } from '../contracts/errors.ts';
import { createDecoder, type CompressedEncoding, type Sink } from './decode.ts';

/** Bytes of a step near the damage, pass by pass. */
const STEPS_BYTES = [1024, 1] as const;
const BUFFER_BYTES = 2 ** 20;

export interface SalvageOptions {
  readonly encoding: CompressedEncoding;
  /** Reads the stored bytes from `offset` on into all of `into`. */
  readonly read: (offset: number, into: Uint8Array) => Promise<void>;
  /** The stored bytes in which decoding failed, half open. */
  readonly damage: { readonly from: number; readonly to: number };
  /** How many decoded bytes there are already; they are passed over. */
  readonly arrivedBytes: () => number;
  readonly sink: Sink;
}

/** Hands the decoded bytes before the damage on that did not arrive yet. @throws what `read` and `sink` throw */
export async function salvage(options: SalvageOptions): Promise<void> {
  let damage: SalvageOptions['damage'] | null = options.damage;
  for (const stepBytes of STEPS_BYTES) damage = damage && await decodeUpTo(options, damage, stepBytes);
}

/** Ends the decoding of a prefix. */
class Enough extends Error {
  override readonly name = 'Enough';
}

/**
 * CRC32 of the first decoded bytes of a source, as far as they were kept or more: those of a damaged one too.
 * @returns null where there are fewer, or they cannot be read
 */
export async function prefixCrc32({ encoding, sizeBytes, prefixBytes, read }: Pick<SalvageOptions, 'encoding' | 'read'> & { readonly sizeBytes: number; readonly prefixBytes: number }): Promise<number | null> {
  let arrivedBytes = 0;
  let sum = 0;
  const sink = (bytes: Uint8Array): Promise<void> => {
    sum = crc32(bytes.subarray(0, prefixBytes - arrivedBytes), sum);
    arrivedBytes += bytes.length;
    return arrivedBytes < prefixBytes ? Promise.resolve() : Promise.reject(new Enough());
  };
  try {
    await salvage({ encoding, read, damage: { from: 0, to: sizeBytes }, arrivedBytes: () => arrivedBytes, sink });
    return null;
  } catch (error) {
    if (error instanceof Enough) return sum;
    if (isTributaryError(error) && error.code.startsWith('TRB-SOURCE-')) return null;
    throw error;
  }
}

/** @returns the step in which decoding failed, or null where it did not */
async function decodeUpTo(options: SalvageOptions, damage: SalvageOptions['damage'], stepBytes: number): Promise<SalvageOptions['damage'] | null> {
  const buffer = Buffer.allocUnsafe(Math.min(BUFFER_BYTES, damage.to));
  let decodedBytes = 0;
  const decoder = createDecoder(options.encoding, async (bytes) => {
    const known = Math.max(0, options.arrivedBytes() - decodedBytes);
    decodedBytes += bytes.length;
    if (known < bytes.length) await options.sink(bytes.subarray(known));
  });
  try {
    for (let offset = 0; offset < damage.to;) {
      const end = offset < damage.from ? damage.from : damage.to;
      const view = buffer.subarray(0, Math.min(buffer.length, end - offset));
      await options.read(offset, view);
      const step = offset < damage.from ? view.length : stepBytes;
      for (let at = 0; at < view.length; at += step) {
        const input = view.subarray(at, at + step);
        try {
          await decoder.write(input);
        } catch (error) {
          if (!isTributaryError(error) || error.code !== 'TRB-SOURCE-CORRUPT') throw error;
          return { from: offset + at, to: offset + at + input.length };
        }
      }
      offset += view.length;
    }
    return null;
  } finally {
    decoder.destroy();
  }
}
