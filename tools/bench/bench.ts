/**
 * Measures the store and its peers, on servers that it starts itself. `npx -y pnpm@12 bench` plays everything
 * (`bench:quick` a short version), `npx -y pnpm@12 bench get clear` only what is named; see options.ts.
 */
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dim, heading, line, table } from '../terminal/terminal.js';
import { verdictTable } from './expectations.js';
import { Fleet } from './harness/fleet.js';
import { describeMachine } from './harness/machine.js';
import type { Results, ScenarioResult } from './harness/results.js';
import { runScenario } from './harness/run-scenario.js';
import { machineLines, tablesOf } from './harness/tables.js';
import { parseOptions } from './options.js';
import { topOfProfile } from './top-of-profile.js';

/** Not in git. */
const FOLDER = fileURLToPath(new URL('../../.bench/', import.meta.url));
const PROFILE_LINES = 15;

const options = parseOptions(process.argv.slice(2));
mkdirSync(FOLDER, { recursive: true });
const storeFile = keep(options.storeFile, 'store');
const baselineFile = options.baselineFile && keep(options.baselineFile, 'baseline');

await using fleet = new Fleet();
const [one = ''] = await fleet.locations({ kind: 'nodes', count: 1 });
const machine = await describeMachine(one, options.execPath);
const scenarios: ScenarioResult[] = [];
const absent: Record<string, string> = {};
const results: Results = {
  takenAt: new Date().toISOString(),
  quick: options.quick,
  machine,
  absent,
  scenarios,
};
const name =
  options.resultsName ?? `${options.quick ? 'quick-' : ''}node-${machine.node.replace(/^v(\d+).*/, '$1')}`;

for (const scenario of options.scenarios) {
  const contestants = scenario.contestants.filter(
    (id) =>
      (options.contestants?.includes(id) ?? true) &&
      (id !== 'baseline' || options.baselineFile !== undefined),
  );
  const cells = scenario
    .cells(options.quick)
    .filter((cell) => `${cell.table}, ${cell.column}`.includes(options.cells));
  if (contestants.length === 0 || cells.length === 0) continue;
  heading(scenario.name);
  line(scenario.about);
  const profileFiles: string[] = [];
  const profileFile = (cell: { table: string; column: string }) => {
    const file = join(FOLDER, `${`${cell.table} ${cell.column}`.replaceAll(/[^\w]+/g, '-')}.cpuprofile`);
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
    absent: (id, why) => {
      absent[id] = why;
      line(`without ${id}: ${why}`);
    },
  });
  scenarios.push(result);
  for (const { title, header, rows } of tablesOf(scenario, result).tables) {
    line('');
    line(title);
    table(header, rows);
  }
  line(dim(`${result.seconds.toFixed(0)} s`));
  for (const file of profileFiles.filter(existsSync)) {
    line('');
    line(file);
    for (const [share, where] of topOfProfile(file, PROFILE_LINES)) line(`${share.padStart(7)}  ${where}`);
  }
  // After each scenario: what is measured stays, whatever becomes of the rest.
  writeFileSync(join(FOLDER, `${name}.json`), `${JSON.stringify(results, null, 1)}\n`);
}

const { title, header, rows } = verdictTable(results);
if (rows.length > 0) {
  heading(title);
  table(header, rows);
}
line('');
for (const text of machineLines(results)) line(dim(text));
line(dim(`written to .bench/${name}.json`));

/** A copy of a build, so that the run has one and the same, whoever builds meanwhile. Beside its dependencies. */
function keep(build: string, copyName: string): string {
  if (!existsSync(build)) throw new Error(`There is no ${build}: run pnpm build`);
  const copy = fileURLToPath(
    new URL(`../../packages/keyv-dredis/.bench/${copyName}-${process.pid}.js`, import.meta.url),
  );
  mkdirSync(dirname(copy), { recursive: true });
  copyFileSync(build, copy);
  process.on('exit', () => rmSync(copy, { force: true }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  return copy;
}
