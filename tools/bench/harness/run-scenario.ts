import { progressBar } from '../../terminal/terminal.js';
import { contestant } from '../contestants/index.js';
import { Entrant, type EntrantOptions } from './entrant.js';
import type { ScenarioResult, Score } from './results.js';
import type { Cell, MetricValues, Scenario } from './scenario.js';

export interface RunOptions extends EntrantOptions {
  /** Ids of the contestants to run. */
  readonly contestants: readonly string[];
  readonly cells: readonly Cell[];
  readonly roundCount: number;
  readonly storeFile: string;
  readonly baselineFile: string | undefined;
  /** Called for a contestant whose servers cannot be started. */
  readonly onUnavailable: (id: string, reason: string) => void;
  /** Returns the file for the store's CPU profile in a cell. Undefined if profiling is off. */
  readonly profileFile: ((cell: Cell) => string) | undefined;
}

/** Long enough for V8 to compile every contestant's hot functions while all contestants warm up at once. */
const WARM_UP_MS = { quick: 3_000, full: 6_000 };

/**
 * Runs a scenario. Every contestant has its own process. In a shared process, contestants would affect each
 * other's JIT and garbage collector. This does not happen in a real service. Only one contestant works at a
 * time. Every contestant gets one turn per round, and each round starts with a different contestant.
 */
export async function runScenario(scenario: Scenario, options: RunOptions): Promise<ScenarioResult> {
  const startedAt = performance.now();
  const entrants = await availableEntrants(options);
  const scores: Score[] = [];
  const bar = progressBar(`${scenario.name} {bar} {percentage} %  ETA {eta_formatted}  {step}`);
  bar.start(entrants.length * options.cells.length * options.roundCount, 0, { step: 'starting' });
  const showStep = (cell: Cell, step: string) =>
    bar.update({ step: `${cell.table}, ${cell.column}: ${step}` });
  try {
    if (!scenario.freshProcess) {
      await Promise.all(entrants.map((entrant) => entrant.start()));
      bar.update({ step: 'warming up' });
      await warmUpAll(scenario, entrants, options);
    }
    for (const cell of options.cells) {
      if (!scenario.freshProcess) {
        for (const entrant of entrants) {
          showStep(cell, `warming up ${entrant.label}`);
          await entrant.warmUp(scenario, cell);
        }
      }
      const rounds = new Map<Entrant, MetricValues[]>(entrants.map((entrant) => [entrant, []]));
      for (let round = 0; round < options.roundCount; round++) {
        for (let turn = 0; turn < entrants.length; turn++) {
          const entrant = entrants[(turn + round) % entrants.length] as Entrant;
          showStep(cell, entrant.label);
          rounds.get(entrant)?.push(await entrant.runRound(scenario, cell));
          bar.increment();
        }
      }
      for (const [entrant, values] of rounds) scores.push({ contestant: entrant.id, cell, rounds: values });
      if (options.profileFile !== undefined) {
        const ours = entrants.find(({ id }) => id.startsWith('dredis'));
        await ours?.profile(scenario, cell, options.profileFile(cell));
      }
    }
  } finally {
    bar.stop();
    await Promise.all(entrants.map((entrant) => entrant.stop()));
  }
  return { scenario: scenario.name, seconds: (performance.now() - startedAt) / 1000, scores };
}

/** Starts the servers of each contestant, and leaves out contestants whose servers cannot be started. */
async function availableEntrants(options: RunOptions): Promise<Entrant[]> {
  const { fleet, storeFile, baselineFile } = options;
  const entrants: Entrant[] = [];
  for (const [index, id] of options.contestants.entries()) {
    try {
      const locations = await fleet.locations(contestant(id).servers);
      const namespace = `n${String(index).padStart(2, '0')}`;
      entrants.push(new Entrant(id, { locations, namespace, storeFile, baselineFile }, options));
    } catch (error) {
      options.onUnavailable(id, error instanceof Error ? error.message : String(error));
    }
  }
  return entrants;
}

/**
 * Warms up all contestants at once. They compete for the machine, but that does not matter during the
 * warm-up.
 */
async function warmUpAll(
  scenario: Scenario,
  entrants: readonly Entrant[],
  { quick, cells }: RunOptions,
): Promise<void> {
  const ms = (quick ? WARM_UP_MS.quick : WARM_UP_MS.full) / cells.length;
  await Promise.all(
    entrants.map(async (entrant) => {
      for (const cell of cells) await entrant.warmUp(scenario, cell, ms);
    }),
  );
}
