/** CRC32 as S3 writes it: base64 of four bytes, most significant first. */

export function encodeCrc32(crc32: number): string {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(crc32 >>> 0);
  return bytes.toString('base64');
}

/**
 * @returns undefined for an absent value, and for the checksum of checksums that S3 keeps for some multipart uploads (`…-3`, or
 * type COMPOSITE): that is no CRC of the bytes.
 */
export function decodeCrc32(text: string | undefined, type?: string): number | undefined {
  if (text === undefined || type === 'COMPOSITE' || !/^[A-Za-z0-9+/]{6}==$/.test(text)) return undefined;
  return Buffer.from(text, 'base64').readUInt32BE();
}
