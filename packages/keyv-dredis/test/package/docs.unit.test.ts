import { readdir, readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { DRedisStoreOptions } from '../../src/index.js';

const ROOT = new URL('../../../../', import.meta.url);
const EXAMPLES = new URL('../../examples/', import.meta.url);

const read = (path: string) => readFile(new URL(path, ROOT), 'utf8');

/** Files that are packed in addition to `dist`. build.ts copies them from the repository's root. */
const PACKED = /^(README\.md|LICENSE|docs\/[\w.-]+)$/;

const pages = ['README.md', ...(await readdir(new URL('docs/', ROOT))).map((name) => `docs/${name}`)].filter(
  (path) => path.endsWith('.md'),
);
const texts = new Map(await Promise.all(pages.map(async (path) => [path, await read(path)] as const)));
const examples = await Promise.all(
  (await readdir(EXAMPLES)).map(async (file) => linesOf(await readFile(new URL(file, EXAMPLES), 'utf8'))),
);

/**
 * The code's lines, without indentation or empty lines, with names changed to those in a reader's project.
 */
function linesOf(code: string): string[] {
  return code
    .replace(/import \{ Keyv(, KeyvHooks)? \} from 'keyv5'/, "import { Keyv } from 'keyv'")
    .replace(/(?<=new DRedisStore\()\['10\.0\.0\.1:6379'[^\]]*\]/, 'locations')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** Whether an example contains all lines of a block, in the same order. */
function isIn(example: readonly string[], block: readonly string[]): boolean {
  let next = 0;
  for (const line of example) if (line === block[next]) next += 1;
  return next === block.length;
}

const withoutCode = (text: string) => text.replace(/^ *```.*?^ *```/gms, '').replace(/`[^`\n]*`/g, 'code');

/** Returns the anchors that GitHub and npm generate for a page's headings. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of text.replace(/^ *```.*?^ *```/gms, '').matchAll(/^#+ (.*)$/gm)) {
    const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = words.replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-');
    let unique = anchor;
    for (let count = 1; anchors.has(unique); count += 1) unique = `${anchor}-${count}`;
    anchors.add(unique);
  }
  return anchors;
}

const blocks = [...texts].flatMap(([page, text]) =>
  [...text.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code = '']) => ({
    page,
    firstLine: code.split('\n')[0] as string,
    lines: linesOf(code),
  })),
);

const links = [...texts].flatMap(([page, text]) =>
  [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = '']) => ({ page, link }))
    .filter(({ link }) => !/^https:/.test(link)),
);

describe('code in README.md and docs/', () => {
  test('is found', () => {
    expect(blocks.length).toBeGreaterThan(20);
  });

  test.each(blocks)('$page: "$firstLine" and the lines after it come from one example', ({ lines }) => {
    expect(examples.filter((example) => isIn(example, lines))).not.toEqual([]);
  });
});

describe('relative links in README.md and docs/', () => {
  test('are found', () => {
    expect(links.length).toBeGreaterThan(20);
  });

  test.each(links)('$page: $link leads to a packed file and to a heading in it', async ({ page, link }) => {
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? page : posix.normalize(posix.join(posix.dirname(page), path));
    expect(target).toMatch(PACKED);
    const text = texts.get(target) ?? (await read(target));
    if (anchor !== undefined) expect([...anchorsOf(text)]).toContain(anchor);
  });

  test('lead to files that package.json packs', async () => {
    const { files } = JSON.parse(await read('packages/keyv-dredis/package.json'));
    expect(files).toEqual(['dist', 'docs', 'README.md', 'LICENSE']);
  });
});

describe('README.md', () => {
  const readme = texts.get('README.md') as string;
  const withoutFigures = readme.replace(/<!-- bench -->.*<!-- \/bench -->/s, '');

  test('has at most 200 lines without the figures', () => {
    expect(withoutFigures.split('\n').length).toBeLessThanOrEqual(200);
  });

  test('shows code on its first screen, before any table', () => {
    const firstCode = readme.indexOf('```ts');
    expect(readme.slice(0, firstCode).split('\n').length).toBeLessThan(20);
    expect(readme.slice(0, firstCode)).not.toMatch(/^\|/m);
  });
});

describe('the documented options:', () => {
  // The compiler rejects this list if an option is missing.
  const OPTIONS: Record<keyof DRedisStoreOptions, true> = {
    namespace: true,
    keyFormat: true,
    keySeparator: true,
    ownsDatabase: true,
    useKeyPrefix: true,
    throwOnErrors: true,
    database: true,
    username: true,
    password: true,
    tls: true,
    clientOptions: true,
    connectTimeoutMs: true,
    commandTimeoutMs: true,
    disconnectTimeoutMs: true,
    nodeDownPolicy: true,
    leaseMs: true,
    restartPolicy: true,
    topology: true,
    maxRetryDelayMs: true,
    maxBatchSize: true,
    scanCount: true,
  };
  const existing = Object.keys(OPTIONS).sort();

  test('README.md has one row per store option, and no others', () => {
    const cells = [...(texts.get('README.md') as string).matchAll(/^\| (`\w+`(?:, `\w+`)*) \|/gm)];
    expect(cells.flatMap(([, cell = '']) => cell.match(/\w+/g) ?? []).sort()).toEqual(existing);
  });

  test('docs/options.md has one heading per store option, and no others', () => {
    const headings = [...(texts.get('docs/options.md') as string).matchAll(/^### `(\w+)`$/gm)];
    expect(headings.map(([, name]) => name).sort()).toEqual(existing);
  });
});
