/**
 * Writes the measured figures between the markers in README.md and docs/benchmarks.md, so that nobody has to
 * copy them by hand. It reads the runs in .bench/: a full run for each Node.js major version, and the runs of
 * the failures scenario and of the scenarios about changes of the servers. It also draws docs/reshard.svg. If there is no run for a part, that part does not change. With --quick, it reads the
 * quick runs instead, which is useful for trying out this script.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { verdictTable } from './expectations.js';
import type { Results } from './harness/results.js';
import { machineLines, markdown, tablesOf } from './harness/tables.js';
import { peersNote, peersTable } from './peers-table.js';
import { reshardPicture } from './reshard-picture.js';
import { scenario } from './scenarios/index.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const RUNS = `${ROOT}.bench/`;
const README = `${ROOT}README.md`;
const BENCHMARKS = `${ROOT}docs/benchmarks.md`;
const PICTURE = `${ROOT}docs/reshard.svg`;

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const isRun = values.quick ? /^quick-node-\d+\.json$/ : /^node-\d+\.json$/;
const runs = (existsSync(RUNS) ? readdirSync(RUNS) : [])
  .filter((file) => isRun.test(file))
  .sort()
  .map(read);
const FAILURES = 'failures.json';
const hasFailures = existsSync(RUNS + FAILURES);
const CHANGES = values.quick ? 'quick-changes.json' : 'changes.json';
const hasChanges = existsSync(RUNS + CHANGES);
if (runs.length === 0 && !hasFailures && !hasChanges)
  throw new Error('There is no run in .bench: run pnpm bench');

if (runs.length > 0) {
  replaceMarked(README, 'bench', [markdown(peersTable(runs)), ...runs.map(peersNote)].join('\n\n'));
  replaceMarked(BENCHMARKS, 'expectations', runs.map(expectations).join('\n\n'));
  replaceMarked(BENCHMARKS, 'details', runs.map(details).join('\n\n'));
}
if (hasFailures) replaceMarked(BENCHMARKS, 'failures', withVerdicts(read(FAILURES)));
if (hasChanges) {
  const results = read(CHANGES);
  replaceMarked(BENCHMARKS, 'changes', withVerdicts(results));
  const picture = reshardPicture(results);
  if (picture !== undefined) writeFileSync(PICTURE, picture);
}

function read(file: string): Results {
  return JSON.parse(readFileSync(RUNS + file, 'utf8'));
}

/** Replaces the text between `<!-- mark -->` and `<!-- /mark -->`. */
function replaceMarked(file: string, mark: string, text: string): void {
  const before = readFileSync(file, 'utf8');
  const marked = new RegExp(`(<!-- ${mark} -->\\n)[\\s\\S]*?(<!-- /${mark} -->)`);
  if (!marked.test(before)) throw new Error(`${file} has no <!-- ${mark} --> and <!-- /${mark} -->`);
  writeFileSync(
    file,
    before.replace(marked, (_, start, end) => `${start}\n${text}\n\n${end}`),
  );
}

function expectations(results: Results): string {
  return [`### Node.js ${results.machine.node}`, markdown(verdictTable(results)), machineList(results)].join(
    '\n\n',
  );
}

function withVerdicts(results: Results): string {
  const parts = results.scenarios.flatMap((result) => {
    const { about, tables } = tablesOf(scenario(result.scenario), result);
    return [about, ...tables.map((table) => `**${table.title}**\n\n${markdown(table)}`)];
  });
  return [markdown(verdictTable(results)), ...parts, machineList(results)].join('\n\n');
}

function details(results: Results): string {
  const tables = results.scenarios.flatMap((result) => {
    const { about, tables } = tablesOf(scenario(result.scenario), result);
    return [
      `#### ${result.scenario}`,
      about,
      ...tables.map((table) => `**${table.title}**\n\n${markdown(table)}`),
    ];
  });
  return [`### All tables, Node.js ${results.machine.node}`, machineList(results), ...tables].join('\n\n');
}

function machineList(results: Results): string {
  return machineLines(results)
    .map((text) => `- ${text}`)
    .join('\n');
}
