/** A CRC32 is a polynomial over GF(2) with 32 coefficients; as everywhere in zlib's CRC32, bit 31 is that of x^0. */
const REVERSED_POLYNOMIAL = 0xedb88320;
const ONE = 0x80000000;
const X = 0x40000000;

/** The product of two polynomials, modulo that of CRC32. */
function multiply(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  for (let bit = 31; bit >= 0; bit -= 1) {
    if ((a >>> bit) & 1) product ^= shifted;
    shifted = shifted & 1 ? (shifted >>> 1) ^ REVERSED_POLYNOMIAL : shifted >>> 1;
  }
  return product >>> 0;
}

/** x^8, x^16, x^32, …: entry k moves a CRC over 2^k bytes. Lengths up to 2^53 need no more than 54 of them. */
const OVER_BYTES: number[] = [];
for (let k = 0, power = multiply(multiply(X, X), multiply(X, X)); k < 54; k += 1) {
  power = multiply(power, power);
  OVER_BYTES.push(power);
}

/**
 * The CRC32 of A followed by B, from the CRC32 of each and the length of B, in O(log length) steps: appending B to A multiplies
 * the polynomial of A by x^(8·length), and the initial and final inversions cancel out. So parts can be summed apart and in any order.
 * @param lengthB bytes of B, up to 2^53
 * @returns an unsigned 32-bit number
 */
export function combineCrc32(crcA: number, crcB: number, lengthB: number): number {
  let factor = ONE;
  for (let k = 0, left = lengthB; left > 0; k += 1, left = Math.floor(left / 2)) {
    if (left % 2 === 1) factor = multiply(OVER_BYTES[k] ?? ONE, factor);
  }
  return (multiply(factor, crcA) ^ crcB) >>> 0;
}
