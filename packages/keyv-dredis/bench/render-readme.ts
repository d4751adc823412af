/**
 * Writes what the benches measured: all of it into docs/benchmarks.md, and what is expected into the README, between
 * `<!-- bench -->` and `<!-- /bench -->`. Nobody types figures. `npx -y pnpm@12 bench:readme` takes the full runs that
 * are in .bench/, one for each major version of Node.js; with --quick, to try it out, the short ones.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { verdictTable } from './expectations.js';
import type { Results } from './harness/results.js';
import { machineLines, markdown, tablesOf } from './harness/tables.js';
import { scenario } from './scenarios/index.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const MARKED = /(<!-- bench -->\n)[\s\S]*?(<!-- \/bench -->)/;

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const README = `${ROOT}README.md`;
const DETAILS = `${ROOT}docs/benchmarks.md`;
const FILE = values.quick ? /^quick-node-\d+\.json$/ : /^node-\d+\.json$/;
const runs = readdirSync(`${ROOT}.bench`)
  .filter((file) => FILE.test(file))
  .sort()
  .map((file): Results => JSON.parse(readFileSync(`${ROOT}.bench/${file}`, 'utf8')));
if (runs.length === 0) throw new Error('There is no run in .bench: run pnpm bench');

const readme = readFileSync(README, 'utf8');
if (!MARKED.test(readme)) throw new Error('The README has no <!-- bench --> and <!-- /bench -->');
writeFileSync(README, readme.replace(MARKED, `$1\n${runs.map(summary).join('\n\n')}\n\n$2`));
mkdirSync(dirname(DETAILS), { recursive: true });
writeFileSync(
  DETAILS,
  `${['# What the benches measured', 'Written by `npx -y pnpm@12 bench:readme`.', ...runs.map(details)].join('\n\n')}\n`,
);

/** What is expected, and on what it was measured. */
function summary(results: Results): string {
  const machine = machineLines(results).map((text) => `- ${text}`);
  const verdict = verdictTable(results);
  return [`**${verdict.title}**`, markdown(verdict), machine.join('\n')].join('\n\n');
}

function details(results: Results): string {
  const tables = results.scenarios.flatMap((result) => {
    const { about, tables } = tablesOf(scenario(result.scenario), result);
    return [
      `### ${result.scenario}`,
      about,
      ...tables.map((table) => `**${table.title}**\n\n${markdown(table)}`),
    ];
  });
  return [`## Node.js ${results.machine.node}`, summary(results), ...tables].join('\n\n');
}
