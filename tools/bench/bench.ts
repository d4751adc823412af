/**
 * Bench: compares the store with @keyv/redis, ioredis and plain node-redis on Redis servers that it starts.
 *
 * Run: `npx -y pnpm@12 bench` for everything (about 25 minutes), `npx -y pnpm@12 bench:quick get clear` for a
 * short run of two scenarios; `--help` lists the options.
 * Output: one table per scenario and metric, then the expectations and whether the store meets them. The
 * figures are saved in .bench/. write-tables.ts then copies them into README.md and docs/benchmarks.md.
 */
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dim, heading, line, table } from '../terminal/terminal.js';
import { verdictTable } from './expectations.js';
import { Fleet } from './harness/fleet.js';
import { describeMachine } from './harness/machine.js';
import type { Results, ScenarioResult } from './harness/results.js';
import { runScenario } from './harness/run-scenario.js';
import type { Cell, Scenario } from './harness/scenario.js';
import { machineLines, tablesOf } from './harness/tables.js';
import { parseOptions } from './options.js';
import { topOfProfile } from './top-of-profile.js';

/** Ignored by git. */
const RESULTS_FOLDER = fileURLToPath(new URL('../../.bench/', import.meta.url));
/** Inside the package, so that a copied build finds its dependencies. */
const COPIES_FOLDER = fileURLToPath(new URL('../../packages/keyv-dredis/.bench/', import.meta.url));
const PROFILE_LINES = 15;

const options = parseOptions(process.argv.slice(2));
mkdirSync(RESULTS_FOLDER, { recursive: true });
const storeFile = copyBuild(options.storeFile, 'store');
const baselineFile = options.baselineFile && copyBuild(options.baselineFile, 'baseline');

await using fleet = new Fleet();
const [location = ''] = await fleet.locations({ kind: 'nodes', count: 1 });
const machine = await describeMachine(location, options.execPath);
const scenarios: ScenarioResult[] = [];
const unavailable: Record<string, string> = {};
const { quick } = options;
const results: Results = { takenAt: new Date().toISOString(), quick, machine, unavailable, scenarios };
const resultsName =
  options.resultsName ?? `${quick ? 'quick-' : ''}node-${machine.node.replace(/^v(\d+).*/, '$1')}`;

for (const scenario of options.scenarios) {
  const contestants = contestantsOf(scenario);
  const cells = scenario
    .cells(quick)
    .filter((cell) => `${cell.table}, ${cell.column}`.includes(options.cells));
  if (contestants.length > 0 && cells.length > 0) await run(scenario, contestants, cells);
}

const expectations = verdictTable(results);
if (expectations.rows.length > 0) {
  heading(expectations.title);
  table(expectations.header, expectations.rows, expectations.textColumnCount);
}
line('');
for (const text of machineLines(results)) line(dim(text));
line(dim(`saved in .bench/${resultsName}.json`));

function contestantsOf(scenario: Scenario): readonly string[] {
  return scenario.contestants.filter(
    (id) =>
      (options.contestants?.includes(id) ?? true) &&
      (id !== 'baseline' || options.baselineFile !== undefined),
  );
}

async function run(
  scenario: Scenario,
  contestants: readonly string[],
  cells: readonly Cell[],
): Promise<void> {
  heading(scenario.name);
  line(scenario.about);
  const profileFiles: string[] = [];
  const profileFile = ({ table, column }: Cell) => {
    const file = join(RESULTS_FOLDER, `${`${table} ${column}`.replaceAll(/[^\w]+/g, '-')}.cpuprofile`);
    profileFiles.push(file);
    return file;
  };
  const result = await runScenario(scenario, {
    ...options,
    storeFile,
    baselineFile,
    fleet,
    contestants,
    cells,
    profileFile: options.profile ? profileFile : undefined,
    onUnavailable: (id, reason) => {
      unavailable[id] = reason;
      line(`skipped ${id}: ${reason}`);
    },
  });
  for (const { title, header, rows } of tablesOf(scenario, result).tables) {
    line('');
    line(title);
    table(header, rows);
  }
  line(dim(`${result.seconds.toFixed(0)} s`));
  for (const file of profileFiles.filter(existsSync)) printProfile(file);
  scenarios.push(result);
  // Saved after each scenario, so that an interrupted run keeps its figures.
  writeFileSync(join(RESULTS_FOLDER, `${resultsName}.json`), `${JSON.stringify(results, null, 1)}\n`);
}

function printProfile(file: string): void {
  line('');
  line(file);
  for (const [share, place] of topOfProfile(file, PROFILE_LINES)) line(`${share.padStart(7)}  ${place}`);
}

/**
 * Copies a build's folder, so that all processes load the same code even if the build changes during the run.
 *
 * @returns the copy of the build's entry file
 */
function copyBuild(build: string, copyName: string): string {
  if (!existsSync(build)) throw new Error(`${build} does not exist: run npx -y pnpm@12 build`);
  const copy = join(COPIES_FOLDER, `${copyName}-${process.pid}`);
  cpSync(dirname(build), copy, { recursive: true });
  process.on('exit', () => rmSync(copy, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  return join(copy, basename(build));
}
