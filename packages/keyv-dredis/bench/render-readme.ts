/**
 * Writes what the benches measured into the README, between `<!-- bench -->` and `<!-- /bench -->`:
 * `npx -y pnpm@12 bench:readme [file] [--quick]`. Nobody types figures. It takes the full runs that are in .bench/,
 * one for each major version of Node.js; with --quick, to try it out, the short ones.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { verdictTable } from './expectations.js';
import type { Results } from './harness/results.js';
import { machineLines, markdown, tablesOf } from './harness/tables.js';
import { scenario } from './scenarios/index.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const MARKED = /(<!-- bench -->\n)[\s\S]*?(<!-- \/bench -->)/;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false } },
});
const README = positionals[0] ?? `${ROOT}README.md`;
const FILE = values.quick ? /^quick-node-\d+\.json$/ : /^node-\d+\.json$/;
const runs = readdirSync(`${ROOT}.bench`)
  .filter((file) => FILE.test(file))
  .sort()
  .map((file): Results => JSON.parse(readFileSync(`${ROOT}.bench/${file}`, 'utf8')));
if (runs.length === 0) throw new Error('There is no run in .bench: run pnpm bench');

const readme = readFileSync(README, 'utf8');
if (!MARKED.test(readme)) throw new Error('The README has no <!-- bench --> and <!-- /bench -->');
writeFileSync(README, readme.replace(MARKED, `$1\n${runs.map(section).join('\n\n')}\n\n$2`));

function section(results: Results): string {
  const machine = machineLines(results).map((text) => `- ${text}`);
  const details = results.scenarios.flatMap((result) => {
    const { about, tables } = tablesOf(scenario(result.scenario), result);
    return [about, ...tables.map((table) => `**${table.title}**\n\n${markdown(table)}`)];
  });
  const verdict = verdictTable(results);
  return [
    `**${verdict.title}**`,
    machine.join('\n'),
    markdown(verdict),
    `<details><summary>All figures, Node.js ${results.machine.node}</summary>`,
    ...details,
    '</details>',
  ].join('\n\n');
}
