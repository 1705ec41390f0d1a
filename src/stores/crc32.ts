/** CRC32 as S3 writes it: base64 of four bytes, most significant first. */

export function encodeCrc32(crc32: number): string {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(crc32 >>> 0);
  return bytes.toString('base64');
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const DIGIT_BY_CODE = Int8Array.from({ length: 128 }, (_, code) => DIGITS.indexOf(String.fromCharCode(code)));

/**
 * @returns undefined for an absent value, and for the checksum of checksums that S3 keeps for some multipart uploads (`…-3`, or
 * type COMPOSITE): that is no CRC of the bytes.
 */
export function decodeCrc32(text: string | undefined, type?: string): number | undefined {
  if (text?.length !== 8 || type === 'COMPOSITE' || !text.endsWith('==')) return undefined;
  // By hand: with every small read comes one, and a buffer for it costs ten times as much.
  let bits = 0;
  for (let at = 0; at < 6; at += 1) {
    const digit = DIGIT_BY_CODE[text.charCodeAt(at)] ?? -1;
    if (digit < 0) return undefined;
    // Of the sixth digit only two bits are of the sum.
    bits = at < 5 ? (bits << 6) | digit : (bits << 2) | (digit >> 4);
  }
  return bits >>> 0;
}
