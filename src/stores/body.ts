import { crc32 } from '@node-rs/crc32';
import type { Body } from './object-store.ts';

/** A body of bytes that lie in one place, or of a text in UTF-8. The bytes are not copied and must not change until they are sent. */
export function bodyOf(content: Uint8Array | string): Body {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return { views: [bytes], sizeBytes: bytes.byteLength, crc32: crc32(bytes) };
}
