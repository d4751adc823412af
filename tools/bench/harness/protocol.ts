import type { OpenOptions } from './contestant.js';
import type { Cell, MetricValues } from './scenario.js';

interface MeasureRequest {
  readonly scenario: string;
  readonly cell: Cell;
  readonly ms: number;
}

/**
 * A message to a contestant's process. The process handles one request at a time, and sends one response per
 * request.
 */
export type Request =
  | { readonly type: 'open'; readonly contestant: string; readonly options: OpenOptions }
  | { readonly type: 'prepare'; readonly scenario: string; readonly cell: Cell }
  | ({ readonly type: 'measure' } & MeasureRequest)
  /** Measures while a CPU profiler runs, and writes the profile to a file. */
  | ({ readonly type: 'profile'; readonly file: string } & MeasureRequest);

export type Response =
  | { readonly type: 'done'; readonly values: MetricValues }
  | { readonly type: 'failed'; readonly error: string };
