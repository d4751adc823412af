import type { Cell } from '../harness/scenario.js';

/** So many callers on values of one size. */
export interface CallerCell extends Cell {
  readonly valueBytes: number;
  readonly callers: number;
}

export const SMALL_BYTES = 100;
export const LARGE_BYTES = 10_240;

const sizeName = (valueBytes: number) => (valueBytes === LARGE_BYTES ? '10 KB' : `${valueBytes} bytes`);
export const callersName = (callers: number) => `${callers} caller${callers === 1 ? '' : 's'}`;

export function callerCell(work: string, valueBytes: number, callers: number): CallerCell {
  return {
    table: `${work}, values of ${sizeName(valueBytes)}`,
    column: callersName(callers),
    valueBytes,
    callers,
  };
}

/** 1, 8, 64 and 512 callers on small and on large values. */
export function callerCells(
  work: string,
  counts = { small: [1, 8, 64, 512], large: [1, 8, 64, 512] },
): CallerCell[] {
  return [
    ...counts.small.map((callers) => callerCell(work, SMALL_BYTES, callers)),
    ...counts.large.map((callers) => callerCell(work, LARGE_BYTES, callers)),
  ];
}

/** What a quick run has of that. */
export const QUICK_COUNTS = { small: [64, 512], large: [] };
