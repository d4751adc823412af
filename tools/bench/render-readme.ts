/**
 * Writes what the benches measured: all of it into docs/benchmarks.md, what is expected into the README, between
 * `<!-- bench -->` and `<!-- /bench -->`, and what failures cost between `<!-- failures -->` and `<!-- /failures -->`.
 * Nobody types figures. `npx -y pnpm@12 bench:readme` takes the runs that are in .bench/, a full one for each major
 * version of Node.js and that of failures, and leaves alone what it has none for; with --quick, to try it out, the
 * short ones.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { verdictTable } from './expectations.js';
import type { Results } from './harness/results.js';
import { machineLines, markdown, tablesOf } from './harness/tables.js';
import { scenario } from './scenarios/index.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const README = `${ROOT}README.md`;
const DETAILS = `${ROOT}docs/benchmarks.md`;
const FILE = values.quick ? /^quick-node-\d+\.json$/ : /^node-\d+\.json$/;
const runs = readdirSync(`${ROOT}.bench`)
  .filter((file) => FILE.test(file))
  .sort()
  .map(read);
const FAILURES = 'failures.json';
const hasFailures = existsSync(`${ROOT}.bench/${FAILURES}`);
if (runs.length === 0 && !hasFailures) throw new Error('There is no run in .bench: run pnpm bench');

if (runs.length > 0) {
  intoReadme('bench', runs.map(summary).join('\n\n'));
  mkdirSync(dirname(DETAILS), { recursive: true });
  const texts = [
    '# What the benches measured',
    'Written by `npx -y pnpm@12 bench:readme`.',
    ...runs.map(details),
  ];
  writeFileSync(DETAILS, `${texts.join('\n\n')}\n`);
}
if (hasFailures) intoReadme('failures', failures(read(FAILURES)));

function read(file: string): Results {
  return JSON.parse(readFileSync(`${ROOT}.bench/${file}`, 'utf8'));
}

/** @param mark of the comments that the text goes between */
function intoReadme(mark: string, text: string): void {
  const readme = readFileSync(README, 'utf8');
  const marked = new RegExp(`(<!-- ${mark} -->\\n)[\\s\\S]*?(<!-- /${mark} -->)`);
  if (!marked.test(readme)) throw new Error(`The README has no <!-- ${mark} --> and <!-- /${mark} -->`);
  writeFileSync(
    README,
    readme.replace(marked, (_, start, end) => `${start}\n${text}\n\n${end}`),
  );
}

/** What is expected, and on what it was measured. */
function summary(results: Results): string {
  const verdict = verdictTable(results);
  return [`**${verdict.title}**`, markdown(verdict), machineList(results)].join('\n\n');
}

function machineList(results: Results): string {
  return machineLines(results)
    .map((text) => `- ${text}`)
    .join('\n');
}

function failures(results: Results): string {
  const parts = results.scenarios.flatMap((result) => {
    const { about, tables } = tablesOf(scenario(result.scenario), result);
    return [about, ...tables.map(markdown)];
  });
  return [...parts, machineList(results)].join('\n\n');
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
