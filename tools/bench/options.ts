import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CONTESTANTS, contestant } from './contestants/index.js';
import type { Scenario } from './harness/scenario.js';
import { SCENARIO_NAMES, SCENARIOS, scenario } from './scenarios/index.js';

const USAGE = `npx -y pnpm@12 bench [scenario ...] [options]   compares the store with its peers
npx -y pnpm@12 bench:quick [scenario ...] [options]
npx -y pnpm@12 bench:failures [options]        kills and freezes a server of each contestant

scenarios: ${SCENARIO_NAMES.join(', ')}
           (default: all but failures, reshard, mover and settled)

  --quick               fewer and shorter rounds, fewer cells
  --node 24             the Node.js version that runs the contestants; npx downloads it
  --contestants a,b     run only these contestants, out of ${CONTESTANTS.map(({ id }) => id).join(', ')}
  --cells "64 callers"  only cells whose table or column contains this text
  --rounds 7            rounds per contestant and cell
  --round-ms 150        length of a round, unless the scenario sets its own
  --baseline <file>     another build of the store (ES module), to compare with
  --store <file>        the build of the store (ES module); default: dist
  --results <name>      save the figures as .bench/<name>.json; default: node-<major version>
  --profile             profile the store in each cell, and print the functions that took the most time`;

const FULL = { roundCount: 7, roundMs: 150 };
const QUICK = { roundCount: 3, roundMs: 60 };

export interface BenchOptions {
  readonly scenarios: readonly Scenario[];
  readonly quick: boolean;
  /** The Node.js executable that runs the contestants. */
  readonly execPath: string;
  /** Ids of contestants. @default the scenario's contestants */
  readonly contestants: readonly string[] | undefined;
  /** Text that a cell's table or column has to contain. @default '', which matches all cells */
  readonly cells: string;
  readonly roundCount: number;
  readonly roundMs: number;
  readonly baselineFile: string | undefined;
  readonly storeFile: string;
  readonly resultsName: string | undefined;
  readonly profile: boolean;
}

/** @throws Error if an option, scenario or contestant is unknown, or if a number is not a positive integer */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    // pnpm also passes the `--` that separates its own options from the script's options.
    args: args.filter((arg) => arg !== '--'),
    allowPositionals: true,
    options: {
      help: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      node: { type: 'string' },
      contestants: { type: 'string' },
      cells: { type: 'string', default: '' },
      rounds: { type: 'string' },
      'round-ms': { type: 'string' },
      baseline: { type: 'string' },
      store: { type: 'string' },
      results: { type: 'string' },
      profile: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit();
  }
  const defaults = values.quick ? QUICK : FULL;
  const contestants = values.contestants?.split(',').map((id) => contestant(id).id);
  return {
    scenarios: positionals.length === 0 ? SCENARIOS : positionals.map(scenario),
    quick: values.quick,
    execPath: values.node === undefined ? process.execPath : fetchNode(values.node),
    contestants,
    cells: values.cells,
    roundCount: positiveInteger('--rounds', values.rounds ?? defaults.roundCount),
    roundMs: positiveInteger('--round-ms', values['round-ms'] ?? defaults.roundMs),
    baselineFile: values.baseline === undefined ? undefined : resolve(values.baseline),
    storeFile:
      values.store === undefined
        ? fileURLToPath(new URL('../../packages/keyv-dredis/dist/esm/index.js', import.meta.url))
        : resolve(values.store),
    resultsName: values.results,
    profile: values.profile,
  };
}

function positiveInteger(name: string, value: string | number): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 1) return number;
  throw new Error(`${name} must be an integer of at least 1, got ${value}`);
}

/** Downloads the npm package `node`, which contains the Node.js executable. @returns the executable's path */
function fetchNode(version: string): string {
  const args = ['-y', `node@${version}`, '--print', 'process.execPath'];
  return execFileSync('npx', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}
