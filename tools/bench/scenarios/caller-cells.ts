import type { Cell } from '../harness/scenario.js';

/** A cell for a number of callers and a value size. */
export interface CallerCell extends Cell {
  readonly valueBytes: number;
  readonly callers: number;
}

/** The numbers of callers to measure, by value size. */
interface CallerCounts {
  readonly small: readonly number[];
  readonly large: readonly number[];
}

export const SMALL_BYTES = 100;
export const LARGE_BYTES = 10_240;

const FULL_COUNTS: CallerCounts = { small: [1, 8, 64, 512], large: [1, 8, 64, 512] };
export const QUICK_COUNTS: CallerCounts = { small: [64, 512], large: [] };
export const SMALL_COUNTS: CallerCounts = { ...FULL_COUNTS, large: [] };

const sizeLabel = (valueBytes: number) => (valueBytes === LARGE_BYTES ? '10 KB' : `${valueBytes} bytes`);
export const callersLabel = (callers: number) => `${callers} caller${callers === 1 ? '' : 's'}`;

export function callerCell(operation: string, valueBytes: number, callers: number): CallerCell {
  return {
    table: `${operation}, values of ${sizeLabel(valueBytes)}`,
    column: callersLabel(callers),
    valueBytes,
    callers,
  };
}

export function callerCells(operation: string, counts = FULL_COUNTS): CallerCell[] {
  return [
    ...counts.small.map((callers) => callerCell(operation, SMALL_BYTES, callers)),
    ...counts.large.map((callers) => callerCell(operation, LARGE_BYTES, callers)),
  ];
}
