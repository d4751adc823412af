/** Writes the tables of the last benchmark, and the sizes of the bundle, into the README between its marks. */
import { readFileSync, writeFileSync } from 'node:fs';
import { bundledBytes } from '../../packages/hash-ring/test/bundle.js';
import type { Results, Row } from './bench.js';
import type { Timing } from './measure.js';

const readme = new URL('../../packages/hash-ring/README.md', import.meta.url);
const results: Results = JSON.parse(readFileSync(new URL('../../.bench/ring.json', import.meta.url), 'utf8'));

function time(ns: number): string {
  if (ns < 1000) return `${ns.toFixed(0)} ns`;
  if (ns < 1e6) return `${(ns / 1000).toPrecision(3)} us`;
  return ns < 1e9 ? `${(ns / 1e6).toPrecision(3)} ms` : `${(ns / 1e9).toPrecision(3)} s`;
}

/** The median, from the fastest to the slowest round, and how many times that is of what is in bold. */
function cell(timing: Timing | undefined, unit: Timing, isUnit: boolean): string {
  if (!timing) return '';
  const spread = `${time(timing.median)} (${time(timing.min)} to ${time(timing.max)})`;
  return isUnit ? `**${spread}**` : `${spread}, x ${(timing.median / unit.median).toPrecision(3)}`;
}

function table(title: string, rows: readonly Row[], unitName: string): string {
  const names = Array.from(new Set(rows.flatMap(({ timings }) => Object.keys(timings))));
  const lines = rows.map(({ what, timings }) => {
    const unit = timings[unitName] as Timing;
    return `| ${what} | ${names.map((name) => cell(timings[name], unit, name === unitName)).join(' | ')} |`;
  });
  return [`| ${title} | ${names.join(' | ')} |`, `|---|${names.map(() => '---|').join('')}`, ...lines].join(
    '\n',
  );
}

const bytes = (count: number) => count.toFixed(1);
const memory = Object.entries(results.bytesPerPoint).map(([name, count]) => `${name} ${bytes(count)}`);
const sizes = [
  ['`hash-ring`', await bundledBytes('index.ts')],
  ['`hash-ring/svg`', await bundledBytes('svg.ts')],
] as const;

const tables: Record<string, string> = {
  benchmark: [
    `Measured on ${results.machine}, ${results.date}: processor time, medians of the rounds (from the`,
    `fastest to the slowest one), and each as a multiple of what is in bold. MD5 in C is ${results.native}.`,
    '',
    table('one look-up', results.lookUps, 'hash-ring'),
    '',
    table('one look-up', results.moreNodes, 'hash-ring'),
    '',
    table('`get` as the ring grows', results.growth, '4 nodes'),
    '',
    table('one key of a batch', results.getMany, 'getMany'),
    '',
    table('building', results.build, 'hash-ring'),
    '',
    table('adding', results.add, 'hash-ring'),
    '',
    `Bytes held for each point, names included: ${memory.join(', ')}. Bytes of heap that a \`get\` of a 30-byte key`,
    `allocates: ${bytes(results.bytesPerGet)}.`,
  ].join('\n'),
  size: sizes.map(([name, size]) => `${name} ${size.toLocaleString('en')} bytes`).join(', '),
};

let text = readFileSync(readme, 'utf8');
for (const [name, content] of Object.entries(tables)) {
  const marked = new RegExp(`(<!-- ${name} -->\n)[^]*?(\n<!-- /${name} -->)`);
  if (!marked.test(text)) throw new Error(`the README has no marks for ${name}`);
  text = text.replace(marked, (_, start, end) => start + content + end);
}
writeFileSync(readme, text);
