import type { OpenOptions } from './contestant.js';
import type { Cell, Numbers } from './scenario.js';

/** What a contestant's process is asked. One at a time, each answered once. */
export type Order =
  | { readonly type: 'open'; readonly contestant: string; readonly options: OpenOptions }
  | { readonly type: 'prepare'; readonly scenario: string; readonly cell: Cell }
  | { readonly type: 'measure'; readonly scenario: string; readonly cell: Cell; readonly ms: number }
  /** Measures behind a CPU profiler, and writes the profile to a file. */
  | {
      readonly type: 'profile';
      readonly scenario: string;
      readonly cell: Cell;
      readonly ms: number;
      readonly file: string;
    }
  | { readonly type: 'close' };

export type Answer =
  | { readonly type: 'done'; readonly numbers: Numbers }
  | { readonly type: 'failed'; readonly error: string };
