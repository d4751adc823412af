import type { Machine } from './machine.js';
import type { Cell, MetricValues } from './scenario.js';

/** One contestant's rounds in one cell. */
export interface Score {
  readonly contestant: string;
  readonly cell: Cell;
  /** In the order in which they ran. */
  readonly rounds: readonly MetricValues[];
}

export interface ScenarioResult {
  readonly scenario: string;
  readonly seconds: number;
  readonly scores: readonly Score[];
}

/** The results of one bench run, as saved in .bench/. */
export interface Results {
  readonly takenAt: string;
  readonly quick: boolean;
  readonly machine: Machine;
  /** The reasons why contestants could not run, by contestant id. */
  readonly unavailable: Readonly<Record<string, string>>;
  readonly scenarios: readonly ScenarioResult[];
}

/** Returns a contestant's values for one metric in a cell, one per round. */
export function series(
  { scenarios }: Results,
  scenario: string,
  contestant: string,
  column: string,
  metric: string,
  table?: string,
): readonly number[] | undefined {
  return scenarios
    .find((result) => result.scenario === scenario)
    ?.scores.find(
      (score) =>
        score.contestant === contestant &&
        score.cell.column === column &&
        (table === undefined || score.cell.table === table),
    )
    ?.rounds.map((values) => values[metric] as number);
}
