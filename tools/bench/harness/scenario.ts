import type { RedisServer } from 'redis-launcher';
import type { Contestant, Subject } from './contestant.js';
import type { Workload } from './workload.js';

/** What one round gave, by the metric's name. */
export type Numbers = Readonly<Record<string, number>>;

export interface Metric {
  readonly key: string;
  readonly label: string;
  readonly better: 'more' | 'less';
  readonly format: (value: number) => string;
}

/** One thing to measure: a column of a table. Plain data, for it goes to the contestants' processes. */
export interface Cell {
  readonly table: string;
  readonly column: string;
}

/** What a contestant's process has, for the measuring. */
export interface Workbench {
  readonly subject: Subject;
  /** Keys, as this contestant wants them, and values of a size; the same for everybody, and built once. */
  readonly workload: (valueBytes: number) => Workload;
  /** Counts the rounds, so that writes of one can be told from those of the one before. */
  readonly round: number;
}

/** What the run has, for a round that takes more than to say "measure". */
export interface Conductor<C extends Cell> {
  readonly cell: C;
  readonly contestant: Contestant;
  readonly roundMs: number;
  measure(cell?: C, ms?: number): Promise<Numbers>;
  /** The contestant's servers. Those of `nodes` can be paused. */
  readonly servers: readonly RedisServer[];
  /** Empties the contestant's servers and fills them with its keys, from outside its process. */
  load(keyCount: number): Promise<void>;
  /** Keys on all the contestant's servers. */
  countKeys(): Promise<number>;
}

export interface Scenario<C extends Cell = Cell> {
  readonly name: string;
  /** One sentence on what is measured and how. */
  readonly about: string;
  /** The first one is what rounds are compared by. */
  readonly metrics: readonly Metric[];
  readonly contestants: readonly string[];
  cells(quick: boolean): readonly C[];
  /** There is one cell, and its table has a row for each metric, a column for each contestant. @default false */
  readonly rowPerMetric?: boolean;
  /** A new process for every round: for memory, which a process does not give back. @default false */
  readonly freshProcess?: boolean;
  /** Milliseconds of a round, where the run's are not enough. */
  readonly roundMs?: (quick: boolean) => number;
  /** Plays one round from outside. @default to measure once */
  round?(conductor: Conductor<C>): Promise<Numbers>;
  /** In the contestant's process, before a cell is measured. */
  prepare?(bench: Workbench, cell: C): Promise<void>;
  /** In the contestant's process: one round. @throws for any result that is not right */
  measure(bench: Workbench, cell: C, ms: number): Promise<Numbers>;
}
