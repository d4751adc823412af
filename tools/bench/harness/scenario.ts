import type { RedisServer } from 'redis-launcher';
import type { Workload } from '../../shared/workload.js';
import type { Contestant, Subject } from './contestant.js';

/** The result of one round: values by `Metric.key`. */
export type MetricValues = Readonly<Record<string, number>>;

export interface Metric {
  readonly key: string;
  readonly label: string;
  readonly better: 'more' | 'less';
  readonly format: (value: number) => string;
}

/** One column of a table. Plain data: cells are sent to the contestants' processes. */
export interface Cell {
  readonly table: string;
  readonly column: string;
}

/** What a measurement can use in a contestant's process. */
export interface MeasureContext {
  readonly subject: Subject;
  /** The keys and values for a value size. They are equal for all contestants and are built once per process. */
  readonly workload: (valueBytes: number) => Workload;
  /** Number of the round. Writes use it to choose other values than the previous round. */
  readonly round: number;
}

/** What a round can use in the bench's own process. */
export interface RoundContext<C extends Cell> {
  readonly cell: C;
  readonly contestant: Contestant;
  readonly roundMs: number;
  /** Calls `Scenario.measure` in the contestant's process. @param cell defaults to the cell of the round */
  measure(cell?: C, ms?: number): Promise<MetricValues>;
  /** The servers of the contestant. */
  readonly servers: readonly RedisServer[];
  /** Flushes the contestant's servers and writes keys of its namespace directly to them. */
  load(keyCount: number): Promise<void>;
  /** Counts the keys on all of the contestant's servers. */
  countKeys(): Promise<number>;
}

export interface Scenario<C extends Cell = Cell> {
  readonly name: string;
  /** Describes what is measured and how. Printed above the tables. */
  readonly about: string;
  readonly metrics: readonly Metric[];
  /** Ids of contestants. */
  readonly contestants: readonly string[];
  cells(quick: boolean): readonly C[];
  /**
   * If true, the only table has a row per metric and a column per contestant. The scenario must have one cell.
   *
   * @default false
   */
  readonly rowPerMetric?: boolean;
  /**
   * If true, every round runs in a new process. Memory figures need this, because a process keeps memory that earlier
   * rounds allocated.
   *
   * @default false
   */
  readonly freshProcess?: boolean;
  /** Length of a round, if it differs from --round-ms. */
  readonly roundMs?: (quick: boolean) => number;
  /** Runs one round in the bench's own process. @default calls `context.measure()` once */
  round?(context: RoundContext<C>): Promise<MetricValues>;
  /** Runs in the contestant's process before a cell is measured. */
  prepare?(context: MeasureContext, cell: C): Promise<void>;
  /** Runs in the contestant's process. @throws WrongResult if the cache returns a wrong value */
  measure(context: MeasureContext, cell: C, ms: number): Promise<MetricValues>;
}
