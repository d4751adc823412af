/** Median and range of a series. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** @throws Error if the series is empty */
export function spreadOf(numbers: readonly number[]): Spread {
  if (numbers.length === 0) throw new Error('an empty series has no median');
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = ((sorted[Math.floor(middle)] as number) + (sorted[Math.ceil(middle)] as number)) / 2;
  return { median, min: sorted[0] as number, max: sorted.at(-1) as number };
}

/**
 * Divides two series round by round. If the machine is slow for a while, both values in a ratio are affected,
 * so the ratios vary less than the series themselves.
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

/** Returns a percentile of a sorted series. @param share the percentile as a number from 0 to 1 */
export function percentile(sorted: readonly number[] | Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;
}
