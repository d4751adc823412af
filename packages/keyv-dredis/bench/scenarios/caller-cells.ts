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

/** 1, 8, 64 and 512 callers on small and on large values; the quick ones leave out most of the large. */
export function callerCells(work: string, quick: boolean): CallerCell[] {
  const large = quick ? [64] : [1, 8, 64, 512];
  return [
    ...[1, 8, 64, 512].map((callers) => callerCell(work, SMALL_BYTES, callers)),
    ...large.map((callers) => callerCell(work, LARGE_BYTES, callers)),
  ];
}
