import type { Machine } from './machine.js';
import type { Cell, Numbers } from './scenario.js';

/** What a contestant did in a cell. */
export interface Score {
  readonly contestant: string;
  readonly cell: Cell;
  /** One for each round, in the order in which they were played. */
  readonly rounds: readonly Numbers[];
}

export interface ScenarioResult {
  readonly scenario: string;
  readonly seconds: number;
  readonly scores: readonly Score[];
}

/** All of a run: what is written to the file. */
export interface Results {
  readonly takenAt: string;
  readonly quick: boolean;
  readonly machine: Machine;
  /** Contestants that could not be had, and why. */
  readonly absent: Readonly<Record<string, string>>;
  readonly scenarios: readonly ScenarioResult[];
}

/** One metric of a contestant in a cell, round by round. */
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
    ?.rounds.map((numbers) => numbers[metric] as number);
}
