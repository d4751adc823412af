import { contestant } from '../contestants/index.js';
import type { OpenOptions } from './contestant.js';
import { ContestantProcess } from './contestant-process.js';
import type { Fleet } from './fleet.js';
import type { Cell, MetricValues, RoundContext, Scenario } from './scenario.js';

export interface EntrantOptions {
  readonly fleet: Fleet;
  readonly quick: boolean;
  readonly roundMs: number;
  /** The Node.js executable that runs the contestants. */
  readonly execPath: string;
}

const PROFILE_MS = 3_000;

/** A contestant that takes part in a scenario. */
export class Entrant {
  readonly id: string;
  readonly #openOptions: OpenOptions;
  readonly #options: EntrantOptions;
  #process: ContestantProcess | undefined;

  constructor(id: string, openOptions: OpenOptions, options: EntrantOptions) {
    this.id = id;
    this.#openOptions = openOptions;
    this.#options = options;
  }

  get label(): string {
    return contestant(this.id).label;
  }

  async start(): Promise<ContestantProcess> {
    this.#process = await this.#startProcess();
    return this.#process;
  }

  /** Prepares a cell, runs one measurement, and discards its result. */
  async warmUp({ name: scenario, round }: Scenario, cell: Cell, ms = this.#options.roundMs): Promise<void> {
    await this.#process?.request({ type: 'prepare', scenario, cell });
    // Scenarios with their own round() need no warm-up, because their rounds take seconds.
    if (round === undefined) await this.#process?.request({ type: 'measure', scenario, cell, ms });
  }

  async runRound(scenario: Scenario, cell: Cell): Promise<MetricValues> {
    const load: RoundContext<Cell>['load'] = (keyCount, options) =>
      this.#options.fleet.load(contestant(this.id), this.#openOptions.namespace, keyCount, options);
    if (scenario.freshProcess) await scenario.beforeStart?.({ cell, load });
    const child = scenario.freshProcess ? await this.start() : this.#process;
    if (child === undefined) throw new Error(`${this.label} was not started`);
    const others: ContestantProcess[] = [];
    const context = { ...(await this.#roundContext(scenario, cell, child, others)), load };
    const values = await (scenario.round?.(context) ?? context.measure());
    await Promise.all(others.map((other) => other.stop()));
    if (scenario.freshProcess) await child.stop();
    if (scenario.flushesServers) await this.#options.fleet.flush(contestant(this.id).servers);
    return values;
  }

  /**
   * Profiles a longer measurement and writes the CPU profile to a file. Does nothing for a scenario that
   * starts a new process for each round.
   */
  async profile({ name: scenario, freshProcess }: Scenario, cell: Cell, file: string): Promise<void> {
    if (freshProcess) return;
    await this.#process?.request({ type: 'profile', scenario, cell, ms: PROFILE_MS, file });
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  #startProcess(): Promise<ContestantProcess> {
    return ContestantProcess.start(contestant(this.id), this.#openOptions, this.#options.execPath);
  }

  /** @param others gets the processes that the round starts */
  async #roundContext(
    scenario: Scenario,
    cell: Cell,
    child: ContestantProcess,
    others: ContestantProcess[],
  ): Promise<Omit<RoundContext<Cell>, 'load'>> {
    const { fleet, quick } = this.#options;
    const entrant = contestant(this.id);
    const roundMs = scenario.roundMs?.(quick) ?? this.#options.roundMs;
    return {
      cell,
      contestant: entrant,
      roundMs,
      servers: await fleet.servers(entrant.servers),
      measure: (measuredCell = cell, ms = roundMs) =>
        child.request({ type: 'measure', scenario: scenario.name, cell: measuredCell, ms }),
      startOther: async () => {
        const other = await this.#startProcess();
        others.push(other);
        return {
          measure: (measuredCell = cell, ms = roundMs) =>
            other.request({ type: 'measure', scenario: scenario.name, cell: measuredCell, ms }),
        };
      },
      countKeys: () => fleet.countKeys(entrant.servers),
    };
  }
}
