import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CONTESTANTS, contestant } from './contestants/index.js';
import type { Scenario } from './harness/scenario.js';
import { SCENARIOS, scenario } from './scenarios/index.js';

const USAGE = `pnpm bench [scenario ...] [options]      measures the store and its peers
pnpm bench:quick [scenario ...] [options]
pnpm bench:failures [options]            kills a server under the store and its peers

scenarios: ${SCENARIOS.map(({ name }) => name).join(', ')} (all)
  --quick               fewer rounds, shorter ones, fewer cells
  --node 24             with that Node.js, which npx fetches
  --contestants a,b     only these: ${CONTESTANTS.map(({ id }) => id).join(', ')}
  --cells "64 callers"  only cells whose table or column says so
  --rounds 7            rounds of each contestant in each cell
  --round-ms 150        length of a round, where the scenario does not say
  --baseline <file>     another build of the store (its ES module), in turn with this one
  --store <file>        a build of the store other than dist
  --results <name>      .bench/<name>.json takes the figures, in place of node-20.json
  --profile             profiles the store in each cell as well, and prints where its time goes`;

const FULL = { roundCount: 7, roundMs: 150 };
const QUICK = { roundCount: 3, roundMs: 60 };

export interface BenchOptions {
  readonly scenarios: readonly Scenario[];
  readonly quick: boolean;
  readonly nodeVersion: string | undefined;
  readonly execPath: string;
  readonly contestants: readonly string[] | undefined;
  readonly cells: string;
  readonly roundCount: number;
  readonly roundMs: number;
  readonly baselineFile: string | undefined;
  readonly storeFile: string;
  readonly resultsName: string | undefined;
  readonly profile: boolean;
}

/** @throws Error for an option or a name that there is not */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
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
  const contestants = values.contestants?.split(',');
  for (const id of contestants ?? []) contestant(id);
  return {
    scenarios: positionals.length === 0 ? SCENARIOS : positionals.map(scenario),
    quick: values.quick,
    nodeVersion: values.node,
    execPath: values.node === undefined ? process.execPath : fetchNode(values.node),
    contestants,
    cells: values.cells,
    roundCount: atLeastOne('--rounds', values.rounds ?? defaults.roundCount),
    roundMs: atLeastOne('--round-ms', values['round-ms'] ?? defaults.roundMs),
    baselineFile: values.baseline === undefined ? undefined : resolve(values.baseline),
    storeFile:
      values.store === undefined
        ? fileURLToPath(new URL('../../packages/keyv-dredis/dist/esm/index.js', import.meta.url))
        : resolve(values.store),
    resultsName: values.results,
    profile: values.profile,
  };
}

function atLeastOne(name: string, value: string | number): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 1) return number;
  throw new Error(`${name} must be a whole number, 1 or more, got ${value}`);
}

/** The npm package `node` holds the program itself. @returns its path */
function fetchNode(version: string): string {
  const args = ['-y', `node@${version}`, '--print', 'process.execPath'];
  return execFileSync('npx', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}
