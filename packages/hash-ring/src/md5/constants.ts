/**
 * Constants of MD5 (R. Rivest, "The MD5 Message-Digest Algorithm", RFC 1321, section 3).
 *
 * The letters in this folder are those of the RFC:
 *
 *     a b c d    the four 32-bit words of the state
 *     F G H I    functions of b, c and d; each is used for one round of 16 steps
 *     X[k]       word k of the block, which has 16 little-endian words
 *     K[i]       the constant of step i, 0 to 63 (the RFC counts from 1 and calls it T[i])
 *     s          the number of bits that a step rotates to the left
 */

/** K[i] as an int32. */
export const K = Array.from({ length: 64 }, (_, i) => (2 ** 32 * Math.abs(Math.sin(i + 1))) | 0);

/** Each row has the shifts for one round. The steps of a round use these shifts in turn. */
const SHIFTS = [
  ...[7, 12, 17, 22], //
  ...[5, 9, 14, 20],
  ...[4, 11, 16, 23],
  ...[6, 10, 15, 21],
];

/** The shift s of step i. */
export function shiftOf(i: number): number {
  return SHIFTS[((i >> 4) << 2) | (i & 3)] as number;
}

/** The index k of the word that step i reads. */
export function wordOf(i: number): number {
  return (i < 16 ? i : i < 32 ? 5 * i + 1 : i < 48 ? 3 * i + 5 : 7 * i) & 15;
}
