import type { Entry, OperationEntry } from './history.js';

export const RULES = [
  'stale',
  'unwritten',
  'lost',
  'torn',
  'unfinished',
  'split',
  'deadline',
  'error',
  'crash',
  'stuck',
] as const;
export type Rule = (typeof RULES)[number];

export interface Violation {
  readonly rule: Rule;
  readonly message: string;
  /** The entries that prove the violation. */
  readonly evidence: readonly Entry[];
  /** `from` and `to` are the period in which to look for other causes. */
  readonly from: number;
  readonly to: number;
}

export interface Counts {
  readonly operations: number;
  readonly reads: number;
  /** Reads with a value. */
  readonly hits: number;
  /** Hits that could be stale, because another write to the key was known before the read. */
  readonly checked: number;
  /** Reads before the first fault that may lose entries. */
  readonly calmReads: number;
  readonly calmMisses: number;
  /** Reads whose misses would have been violations. */
  readonly guarded: number;
  /** Values that came back while their own writes were in progress. */
  readonly comebacks: number;
}

export type MutableCounts = { -readonly [Name in keyof Counts]: number };

/** A write to one key, or a clear. */
export interface Write {
  readonly operation: OperationEntry;
  readonly isAcknowledged: boolean;
  readonly endedAt: number;
}

/** The calls for one key. */
export interface KeyCheck {
  readonly reads: readonly OperationEntry[];
  /** Including clears. */
  readonly writes: readonly Write[];
  readonly counts: MutableCounts;
}

export function violation(
  rule: Rule,
  message: string,
  operations: readonly (OperationEntry | undefined)[],
): Violation {
  const evidence = operations.filter((operation) => operation !== undefined);
  const times = evidence.map(({ invokedAt }) => invokedAt);
  const to = Math.max(...evidence.map(({ completedAt }) => completedAt));
  return { rule, message, evidence, from: Math.min(...times), to };
}
