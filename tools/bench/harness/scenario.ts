import type { RedisServer } from 'redis-launcher';
import type { Workload } from '../../shared/workload.js';
import type { Contestant, Subject } from './contestant.js';
import type { LoadOptions } from './fleet.js';

/** The result of one round: values by `Metric.key`. */
export type MetricValues = Readonly<Record<string, number>>;

export interface Metric {
  readonly key: string;
  readonly label: string;
  readonly better: 'more' | 'less';
  readonly format: (value: number) => string;
}

/** One column in a table. A cell must be plain data, because it is sent to the contestants' processes. */
export interface Cell {
  readonly table: string;
  readonly column: string;
}

/** Context for a measurement in a contestant's process. */
export interface MeasureContext {
  readonly subject: Subject;
  /**
   * The keys and values for a value size. They are the same for all contestants, and are built once per
   * process.
   */
  readonly workload: (valueBytes: number) => Workload;
  /** Number of the round. Writes use it to choose different values than in the previous round. */
  readonly round: number;
}

/** Context for a round in the bench's own process. */
export interface RoundContext<C extends Cell> {
  readonly cell: C;
  readonly contestant: Contestant;
  readonly roundMs: number;
  /** Calls `Scenario.measure` in the contestant's process. @param cell defaults to the round's cell */
  measure(cell?: C, ms?: number): Promise<MetricValues>;
  /** Starts another process of the contestant, until the round ends. */
  startOther(): Promise<Pick<RoundContext<C>, 'measure'>>;
  /** The contestant's servers. */
  readonly servers: readonly RedisServer[];
  /** Flushes the contestant's servers and writes keys in its namespace directly to them. */
  load(keyCount: number, options?: LoadOptions): Promise<void>;
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
   * If true, each table has a row per metric and a column per contestant. Then every cell must have a table of
   * its own.
   *
   * @default false
   */
  readonly rowPerMetric?: boolean;
  /**
   * If true, every round runs in a new process. Memory figures need this, because a process keeps memory that
   * earlier rounds allocated.
   *
   * @default false
   */
  readonly freshProcess?: boolean;
  /**
   * If true, the contestant's servers are flushed after each round, because an outage leaves a topology record
   * on them. Needs `freshProcess`, because an open process would write the record again.
   *
   * @default false
   */
  readonly flushesServers?: boolean;
  /** Runs in the bench's own process before the process of a round starts. Needs `freshProcess`. */
  beforeStart?(context: Pick<RoundContext<C>, 'cell' | 'load'>): Promise<void>;
  /** Length of a round, if it differs from --round-ms. */
  readonly roundMs?: (quick: boolean) => number;
  /** Runs one round in the bench's own process. @default calls `context.measure()` once */
  round?(context: RoundContext<C>): Promise<MetricValues>;
  /** Runs in the contestant's process before a cell is measured. */
  prepare?(context: MeasureContext, cell: C): Promise<void>;
  /** Runs in the contestant's process. @throws WrongResult if the cache returns a wrong value */
  measure(context: MeasureContext, cell: C, ms: number): Promise<MetricValues>;
}
