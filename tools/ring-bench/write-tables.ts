/**
 * Writes the last benchmark's results and the bundle sizes between the markers in hash-ring's
 * docs/benchmarks.md, and one row of results into its README.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { bundledBytes } from '../../packages/hash-ring/test/support/bundle.js';
import type { Results, Row } from './bench.js';
import type { Timing } from './measure.js';

const HASH_RING = new URL('../../packages/hash-ring/', import.meta.url);
const README = new URL('README.md', HASH_RING);
const BENCHMARKS = new URL('docs/benchmarks.md', HASH_RING);
const results: Results = JSON.parse(readFileSync(new URL('../../.bench/ring.json', import.meta.url), 'utf8'));

function time(ns: number): string {
  if (ns < 1000) return `${ns.toFixed(0)} ns`;
  if (ns < 1e6) return `${(ns / 1000).toPrecision(3)} us`;
  return ns < 1e9 ? `${(ns / 1e6).toPrecision(3)} ms` : `${(ns / 1e9).toPrecision(3)} s`;
}

/**
 * A cell shows the median, the fastest and slowest round, and the ratio to the median of `unit`. If `isUnit`,
 * this is the cell of `unit` itself: it is bold and has no ratio.
 */
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

const measured = [
  `Measured on ${results.machine}, ${results.date}. Each cell shows processor time: the median of the rounds`,
  '(fastest to slowest), then its ratio to the bold median.',
].join('\n');
// Keys of 30 bytes on 100 nodes.
const [typical] = results.lookups.filter(({ what }) => what.startsWith('30 bytes, ASCII')) as [Row];

replaceMarked(README, 'benchmark', [table('one lookup', [typical], 'hash-ring'), '', measured].join('\n'));
replaceMarked(
  BENCHMARKS,
  'benchmark',
  [
    measured,
    `"MD5 in C" is ${results.native}.`,
    '',
    table('one lookup', results.lookups, 'hash-ring'),
    '',
    table('one lookup', results.moreNodes, 'hash-ring'),
    '',
    table('`get` as the ring grows', results.growth, '4 nodes'),
    '',
    table('one key of a batch', results.getMany, 'getMany'),
    '',
    table('building', results.build, 'hash-ring'),
    '',
    table('adding', results.add, 'hash-ring'),
    '',
    `Memory per point, names included, in bytes: ${memory.join(', ')}. Heap that a \`get\` of a 30-byte key`,
    `allocates, in bytes: ${bytes(results.bytesPerGet)}.`,
  ].join('\n'),
);
replaceMarked(
  BENCHMARKS,
  'size',
  sizes.map(([name, size]) => `${name} ${size.toLocaleString('en')} bytes`).join(', '),
);

/** Replaces the text between `<!-- mark -->` and `<!-- /mark -->`. */
function replaceMarked(file: URL, mark: string, content: string): void {
  const marked = new RegExp(`(<!-- ${mark} -->\\n)[^]*?(\\n<!-- /${mark} -->)`);
  const text = readFileSync(file, 'utf8');
  if (!marked.test(text)) throw new Error(`${file} has no <!-- ${mark} --> and <!-- /${mark} -->`);
  writeFileSync(
    file,
    text.replace(marked, (_, start, end) => start + content + end),
  );
}
