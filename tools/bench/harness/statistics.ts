/** The middle of some numbers, and how far they lie apart. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** @throws Error when there are none */
export function spreadOf(numbers: readonly number[]): Spread {
  if (numbers.length === 0) throw new Error('there is no median of nothing');
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = ((sorted[Math.floor(middle)] as number) + (sorted[Math.ceil(middle)] as number)) / 2;
  return { median, min: sorted[0] as number, max: sorted.at(-1) as number };
}

/**
 * The ratios of two series, round by round: what slows the machine for a while slows both sides of one ratio, so
 * they lie closer together than the ratio of two medians would tell.
 */
export function ratiosOf(numerators: readonly number[], denominators: readonly number[]): Spread {
  const count = Math.min(numerators.length, denominators.length);
  return spreadOf(
    Array.from(
      { length: count },
      (_, round) => (numerators[round] as number) / (denominators[round] as number),
    ),
  );
}

/** The value below which `share` of the sorted numbers lie. */
export function percentile(sorted: readonly number[] | Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;
}
