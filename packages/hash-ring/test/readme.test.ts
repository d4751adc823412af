import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { quickStart } from '../examples/quick-start.js';
import { usage } from '../examples/usage.js';

const HASH_RING = new URL('../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, HASH_RING), 'utf8');

/** The code's lines, without indentation and with the package name that users import. */
function linesOf(code: string): string[] {
  return code
    .replace(/import \{ HashRing.*/, "import { HashRing } from 'keyv-dredis/hash-ring';")
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

const blocks = Array.from(read('README.md').matchAll(/^```ts\n(.*?)^```/gms), ([, code = '']) =>
  linesOf(code),
);

test.each([
  [0, 'examples/quick-start.ts'],
  [1, 'examples/usage.ts'],
])("the README's code block %d consists of lines from %s, in the same order", (block, example) => {
  const shown = new Set(blocks[block]);
  expect(shown.size).toBeGreaterThan(4);
  expect(linesOf(read(example)).filter((line) => shown.has(line))).toEqual(blocks[block]);
});

test("the README's examples run and return what its comments say", () => {
  const [owner, { fraction, flows }] = quickStart();
  expect(owner).toMatch(/^10\.0\.0\.[123]:6379$/);
  expect(String(fraction)).toMatch(/^0\.18/);
  expect(new Set(flows.map(({ to }) => to))).toEqual(new Set(['10.0.0.4:6379']));
  expect(usage().nodes).toEqual(['10.0.0.2:6379', '10.0.0.4:6379']);
});

test('relative links in the README and docs/ lead to packed files', () => {
  const packed: string[] = JSON.parse(read('package.json')).files;
  const links = ['README.md', 'docs/benchmarks.md'].flatMap((page) =>
    Array.from(
      read(page).matchAll(/\]\(([^)\s]+)\)/g),
      ([, link = '']) => new URL(link, new URL(page, HASH_RING)),
    ),
  );
  expect(links.length).toBeGreaterThanOrEqual(2);
  for (const link of links) {
    expect(existsSync(link)).toBe(true);
    expect(packed).toContain(link.pathname.slice(HASH_RING.pathname.length).split('/')[0]);
  }
});
