import { Presets, SingleBar } from 'cli-progress';
import { contestant } from '../contestants/index.js';
import type { OpenOptions } from './contestant.js';
import { ContestantProcess } from './contestant-process.js';
import type { Fleet } from './fleet.js';
import type { ScenarioResult, Score } from './results.js';
import type { Cell, Conductor, Numbers, Scenario } from './scenario.js';

export interface RunOptions {
  readonly fleet: Fleet;
  readonly quick: boolean;
  readonly contestants: readonly string[];
  readonly cells: readonly Cell[];
  readonly roundCount: number;
  readonly roundMs: number;
  readonly storeFile: string;
  readonly baselineFile: string | undefined;
  readonly execPath: string;
  /** Called for a contestant that cannot be had. */
  readonly absent: (id: string, why: string) => void;
  /** Where a profile of our own store in each cell goes, if one is wanted. */
  readonly profileFile: ((cell: Cell) => string) | undefined;
}

/** Enough for V8 to have compiled what is hot, of all contestants at once. */
const WARM_UP_MS = { quick: 3_000, full: 6_000 };

/**
 * Plays a scenario. Every contestant has a process of its own, for in one process they would train V8 on each
 * other's shapes, share a heap and pay for each other's garbage, as in no service. Only one is at work at a
 * time; in each round all have their turn, and each round begins with another.
 */
export async function runScenario(scenario: Scenario, options: RunOptions): Promise<ScenarioResult> {
  const startedAt = performance.now();
  const entrants = await present(options);
  const total = entrants.length * options.cells.length * options.roundCount;
  const bar = new SingleBar(
    {
      format: `  ${scenario.name} {bar} {percentage} %  ETA {eta_formatted}  {doing}`,
      hideCursor: null,
      linewrap: true,
    },
    Presets.shades_classic,
  );
  bar.start(total, 0, { doing: 'starting' });
  const scores: Score[] = [];
  try {
    if (!scenario.freshProcess) {
      await Promise.all(entrants.map((entrant) => entrant.start()));
      bar.update({ doing: 'warming up' });
      const ms = (options.quick ? WARM_UP_MS.quick : WARM_UP_MS.full) / options.cells.length;
      // Together: here it is no matter who gets how much of the machine.
      await Promise.all(
        entrants.map(async (entrant) => {
          for (const cell of options.cells) await entrant.warmUp(scenario, cell, ms);
        }),
      );
    }
    for (const cell of options.cells) {
      const rounds = new Map<Entrant, Numbers[]>(entrants.map((entrant) => [entrant, []]));
      if (!scenario.freshProcess) {
        for (const entrant of entrants) {
          bar.update({ doing: `${cell.table}, ${cell.column}: warming up ${entrant.label}` });
          await entrant.warmUp(scenario, cell);
        }
      }
      for (let round = 0; round < options.roundCount; round++) {
        for (let turn = 0; turn < entrants.length; turn++) {
          const entrant = entrants[(turn + round) % entrants.length] as Entrant;
          bar.update({ doing: `${cell.table}, ${cell.column}: ${entrant.label}` });
          rounds.get(entrant)?.push(await entrant.play(scenario, cell));
          bar.increment();
        }
      }
      for (const [entrant, numbers] of rounds) scores.push({ contestant: entrant.id, cell, rounds: numbers });
      if (options.profileFile !== undefined) {
        const ours = entrants.find(({ id }) => id.startsWith('dredis'));
        await ours?.profile(scenario, cell, options.profileFile(cell));
      }
    }
  } finally {
    bar.stop();
    await Promise.all(entrants.map((entrant) => entrant.end()));
  }
  return { scenario: scenario.name, seconds: (performance.now() - startedAt) / 1000, scores };
}

async function present(options: RunOptions): Promise<Entrant[]> {
  const entrants: Entrant[] = [];
  for (const [index, id] of options.contestants.entries()) {
    try {
      const locations = await options.fleet.locations(contestant(id).servers);
      const { storeFile, baselineFile } = options;
      const namespace = `n${String(index).padStart(2, '0')}`;
      entrants.push(new Entrant(id, { locations, namespace, storeFile, baselineFile }, options));
    } catch (error) {
      options.absent(id, error instanceof Error ? error.message : String(error));
    }
  }
  return entrants;
}

const PROFILE_MS = 3_000;

/** A contestant in a scenario. */
class Entrant {
  readonly id: string;
  readonly #open: OpenOptions;
  readonly #options: RunOptions;
  #process: ContestantProcess | undefined;

  constructor(id: string, open: OpenOptions, options: RunOptions) {
    this.id = id;
    this.#open = open;
    this.#options = options;
  }

  get label(): string {
    return contestant(this.id).label;
  }

  async start(): Promise<ContestantProcess> {
    this.#process = await ContestantProcess.start(contestant(this.id), this.#open, this.#options.execPath);
    return this.#process;
  }

  /** One round of its own before those that count, or `ms`. */
  async warmUp({ name: scenario, round }: Scenario, cell: Cell, ms = this.#options.roundMs): Promise<void> {
    await this.#process?.ask({ type: 'prepare', scenario, cell });
    // Where a round is more than to measure once, it is long, too, and warms itself.
    if (round === undefined) await this.#process?.ask({ type: 'measure', scenario, cell, ms });
  }

  async profile({ name: scenario, freshProcess }: Scenario, cell: Cell, file: string): Promise<void> {
    if (freshProcess) return;
    await this.#process?.ask({ type: 'profile', scenario, cell, ms: PROFILE_MS, file });
  }

  async play(scenario: Scenario, cell: Cell): Promise<Numbers> {
    const child = scenario.freshProcess ? await this.start() : this.#process;
    if (child === undefined) throw new Error(`${this.label} is not there`);
    const conductor = await this.#conductor(scenario, cell, child);
    const numbers = await (scenario.round?.(conductor) ?? conductor.measure());
    if (scenario.freshProcess) await child.end();
    return numbers;
  }

  async end(): Promise<void> {
    await this.#process?.end();
  }

  async #conductor(scenario: Scenario, cell: Cell, child: ContestantProcess): Promise<Conductor<Cell>> {
    const { fleet, quick } = this.#options;
    const entrant = contestant(this.id);
    const roundMs = scenario.roundMs?.(quick) ?? this.#options.roundMs;
    return {
      cell,
      contestant: entrant,
      roundMs,
      servers: await fleet.servers(entrant.servers),
      measure: (other = cell, ms = roundMs) =>
        child.ask({ type: 'measure', scenario: scenario.name, cell: other, ms }),
      load: (keyCount) => fleet.load(entrant, this.#open.namespace, keyCount),
      countKeys: () => fleet.countKeys(entrant.servers),
    };
  }
}
