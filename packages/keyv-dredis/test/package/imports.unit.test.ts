import { readdir, readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { parseSync } from '@swc/core';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));

const MAX_LINE_COUNT = 300;

interface Layer {
  readonly imports: readonly string[];
  readonly why: string;
}

/**
 * The folders and top-level files in `src`, from the top layer to the bottom layer. A layer imports only the
 * layers in its list, which are all below it. Type imports also count, because a reader has to know the
 * imported types first.
 */
const ALLOWED: Readonly<Record<string, Layer>> = {
  cli: {
    imports: [
      'outage',
      'membership',
      'sharding',
      'node',
      'config',
      'connection',
      'format',
      'errors',
      'timers',
    ],
    why: 'It uses nodes without a store, so that it neither registers namespaces nor removes keys after a restart.',
  },
  index: {
    imports: [
      ...['create-keyv', 'dredis-store', 'store', 'reshard', 'types', 'membership', 'node', 'config'],
      ...['connection', 'keyv', 'format', 'errors'],
    ],
    why: 'It exports the public names. runtime, outage and sharding have none.',
  },
  'create-keyv': {
    imports: ['dredis-store', 'config'],
    why: 'It passes its arguments to the constructor of the store.',
  },
  'dredis-store': {
    imports: ['store', 'runtime', 'config'],
    why: 'The constructor resolves the options and creates the runtime.',
  },
  store: {
    imports: ['runtime', 'membership', 'sharding', 'node', 'config', 'types', 'keyv', 'format', 'errors'],
    why: 'It has one short method per Keyv method. It reaches outage handling only through the runtime.',
  },
  runtime: {
    imports: [
      'reshard',
      'outage',
      'membership',
      'sharding',
      'node',
      'config',
      'connection',
      'format',
      'errors',
      'timers',
    ],
    why: 'It creates all parts, and passes outage handling to sharding and node through their interfaces.',
  },
  reshard: {
    imports: ['outage', 'membership', 'config', 'errors', 'timers'],
    why: 'It runs a change of the topology with connections of its own, which recover servers like those of the store.',
  },
  outage: {
    imports: ['sharding', 'node', 'config', 'connection', 'format', 'errors', 'timers'],
    why: 'It implements interfaces of sharding and node. Only the runtime knows that it exists.',
  },
  membership: {
    imports: ['sharding', 'node', 'config', 'connection', 'format', 'errors', 'timers'],
    why: 'It changes the topology with nodes of its own. Only the runtime and the command line know that it exists.',
  },
  sharding: {
    imports: ['node', 'config', 'format', 'errors', 'timers'],
    why: 'Without outage and membership, a reader can follow a call from the store to the node.',
  },
  node: {
    imports: ['config', 'connection', 'format', 'errors', 'timers'],
    why: 'A node knows nothing about other nodes, so it imports nothing from sharding, outage and membership.',
  },
  config: {
    imports: ['connection', 'format', 'errors'],
    why: 'It needs the types of clients and key formats. It does no I/O, so it imports no node.',
  },
  connection: {
    imports: ['timers'],
    why: 'It deals with node-redis only. The node translates its errors.',
  },
  types: {
    imports: [],
    why: 'Its types appear in public signatures, so they depend on no internals.',
  },
  keyv: {
    imports: ['format', 'errors', 'timers'],
    why: 'It is about Keyv 5 and 6 only. It can be tested and read without Redis, nodes and outages.',
  },
  format: {
    imports: ['errors'],
    why: 'Keys and values are pure functions that every other layer uses.',
  },
  errors: {
    imports: [],
    why: 'Every other layer throws these errors. An import from here would be a cycle.',
  },
  timers: {
    imports: [],
    why: 'It only takes functions of Node.js at load time.',
  },
};

interface Importers {
  readonly values: readonly string[];
  readonly types: readonly string[];
  readonly why: string;
}

/** Which files may import a package, by path prefix. Files that may import values may also import types. */
const PACKAGES: Readonly<Record<string, Importers>> = {
  commander: {
    values: ['cli/'],
    types: [],
    why: 'The library does not read command lines. The build bundles it into the file of the command line.',
  },
  'cli-progress': {
    values: ['cli/output.ts'],
    types: ['cli/'],
    why: 'Only the command line prints. The build bundles it.',
  },
  'cli-table3': {
    values: ['cli/output.ts'],
    types: [],
    why: 'Only the command line prints. The build bundles it.',
  },
  read: {
    values: ['cli/prompts.ts'],
    types: [],
    why: 'Only the command line asks. The build bundles it.',
  },
  'hash-ring/svg': {
    values: ['cli/'],
    types: [],
    why: 'Only the command line draws. Users import keyv-dredis/hash-ring/svg, which the build makes.',
  },
  'hash-ring': {
    values: ['sharding/'],
    types: [],
    why: 'The other layers get the owner of a key from sharding. Users import keyv-dredis/hash-ring, which the build makes.',
  },
  redis: {
    values: ['connection/', 'node/server-commands.ts'],
    types: ['config/', 'store.ts', 'types.ts'],
    why: 'The other layers do not depend on node-redis. Options and locate() have types of it.',
  },
  keyv: {
    values: ['create-keyv.ts'],
    types: [],
    why: 'The store works with any copy of Keyv 5 or 6. An import could pick another copy than the caller.',
  },
};

interface Import {
  readonly specifier: string;
  readonly isType: boolean;
}

type Syntax = { readonly [property: string]: unknown };

/** Returns a TypeScript file's imports, including re-exports, types and `import()`. */
function importsOf(source: string): Import[] {
  const found: Import[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const specifier = specifierOf(value as Syntax);
    if (specifier !== undefined) found.push({ specifier, isType: isTypeImport(value as Syntax) });
    for (const child of Object.values(value)) visit(child);
  };
  visit(parseSync(source, { syntax: 'typescript', target: 'es2022' }).body);
  return found;
}

function specifierOf(node: Syntax): string | undefined {
  switch (node['type']) {
    case 'ImportDeclaration':
    case 'ExportAllDeclaration':
    case 'ExportNamedDeclaration':
      return (node['source'] as { value: string } | null)?.value;
    case 'TsImportType':
      return (node['argument'] as { value: string }).value;
    case 'CallExpression': {
      if ((node['callee'] as Syntax)['type'] !== 'Import') return undefined;
      const [argument] = node['arguments'] as [{ expression: Syntax }];
      const isLiteral = argument.expression['type'] === 'StringLiteral';
      return isLiteral ? String(argument.expression['value']) : 'an expression';
    }
    default:
      return undefined;
  }
}

function isTypeImport(node: Syntax): boolean {
  if (node['type'] === 'TsImportType' || node['typeOnly'] === true) return true;
  const specifiers = (node['specifiers'] ?? []) as readonly Syntax[];
  return specifiers.length > 0 && specifiers.every(({ isTypeOnly }) => isTypeOnly === true);
}

/** Returns a file's top folder, or the name of a top-level file. */
const layerOf = (file: string) => file.replace(/\/.*|\.ts$/, '');

/**
 * Returns the files in one import cycle, with the first file repeated at the end. If there is no
 * cycle, returns undefined.
 */
function findCycle(imports: ReadonlyMap<string, readonly string[]>): readonly string[] | undefined {
  const done = new Set<string>();
  const search = (file: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const target of imports.get(file) ?? []) {
      const cycle = search(target, [...path, file]);
      if (cycle !== undefined) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of imports.keys()) {
    const cycle = search(file, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

describe('imports in packages/keyv-dredis/src', () => {
  let sources: ReadonlyMap<string, string>;
  let imports: ReadonlyMap<string, readonly Import[]>;

  beforeAll(async () => {
    const files = (await readdir(SRC, { recursive: true })).filter((file) => file.endsWith('.ts')).sort();
    sources = new Map(
      await Promise.all(
        files.map(
          async (file) => [file.replaceAll('\\', '/'), await readFile(join(SRC, file), 'utf8')] as const,
        ),
      ),
    );
    imports = new Map(Array.from(sources, ([file, source]) => [file, importsOf(source)]));
  });

  /** The files in `src` that each file imports. */
  const fileImports = () =>
    new Map(
      Array.from(imports, ([file, all]) => [
        file,
        all
          .filter(({ specifier }) => specifier.startsWith('.'))
          .map(({ specifier }) => posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts')),
      ]),
    );

  test('the table of layers contains the layers of all source files, and no others', () => {
    const layers = new Set(Array.from(sources.keys(), layerOf));
    expect([...layers].sort()).toEqual(Object.keys(ALLOWED).sort());
  });

  test('the table of layers allows a layer to import only layers below it', () => {
    const order = Object.keys(ALLOWED);
    const upward = Object.entries(ALLOWED).flatMap(([layer, { imports }]) =>
      imports
        .filter((target) => order.indexOf(target) <= order.indexOf(layer))
        .map((target) => [layer, target]),
    );
    expect(upward).toEqual([]);
  });

  test.each(Object.entries(ALLOWED))('%s imports only the layers in its list', (layer, rule) => {
    const forbidden = Array.from(fileImports())
      .filter(([file]) => layerOf(file) === layer)
      .flatMap(([file, targets]) => targets.map((target) => ({ file, target })))
      .filter(({ target }) => layerOf(target) !== layer && !rule.imports.includes(layerOf(target)))
      .map(({ file, target }) => `${file} imports ${target}. ${rule.why}`);
    expect(forbidden).toEqual([]);
  });

  test('no source file imports itself through other files', () => {
    expect(findCycle(fileImports())).toBeUndefined();
  });

  test.each(Object.entries(PACKAGES))(
    'the package %s is imported only where the table of packages allows it',
    (name, rule) => {
      const startsWithAny = (file: string, beginnings: readonly string[]) =>
        beginnings.some((beginning) => file.startsWith(beginning));
      const forbidden = Array.from(imports)
        .filter(([, all]) => all.some(({ specifier }) => specifier === name))
        .filter(([file]) => !startsWithAny(file, rule.values))
        .filter(
          ([file, all]) =>
            !startsWithAny(file, rule.types) ||
            all.some(({ specifier, isType }) => specifier === name && !isType),
        )
        .map(([file]) => `${file} imports ${name}. ${rule.why}`);
      expect(forbidden).toEqual([]);
    },
  );

  test('all imported packages are in the table of packages, and no others', () => {
    const packages = Array.from(imports.values())
      .flat()
      .map(({ specifier }) => specifier)
      .filter((specifier) => !/^\.|^node:/.test(specifier));
    expect([...new Set(packages)].sort()).toEqual(Object.keys(PACKAGES).sort());
  });

  test(`no source file has more than ${MAX_LINE_COUNT} lines`, () => {
    const tooLong = Array.from(sources, ([file, source]) => ({
      file,
      lineCount: source.trimEnd().split('\n').length,
    })).filter(({ lineCount }) => lineCount > MAX_LINE_COUNT);
    expect(tooLong).toEqual([]);
  });
});

describe("the layer tests' search for imports", () => {
  test.each([
    ["import { a } from './a.js';", './a.js', false],
    ["import './a.js';", './a.js', false],
    ["import a, { type B } from './a.js';", './a.js', false],
    ["import type { A } from './a.js';", './a.js', true],
    ["import { type A, type B } from './a.js';", './a.js', true],
    ["export { a } from './a.js';", './a.js', false],
    ["export type { A } from './a.js';", './a.js', true],
    ["export * from './a.js';", './a.js', false],
    ["const a = async () => import('./a.js');", './a.js', false],
    ['const a = async (name: string) => import(name);', 'an expression', false],
    ["type A = import('./a.js').A;", './a.js', true],
    ["function a(): Promise<import('./a.js').A> {}", './a.js', true],
  ])('%s', (source, specifier, isType) => {
    expect(importsOf(source)).toEqual([{ specifier, isType }]);
  });

  test.each([
    "// import './a.js';",
    "/** {@link import('./a.js').A} */ export const a = 1;",
    'const a = "import \'./a.js\'";',
    'export const a = 1;',
    "export function from(a: string) { return require('./a.js'); }",
  ])('finds no import in %s', (source) => {
    expect(importsOf(source)).toEqual([]);
  });
});

describe("the layer tests' search for cycles", () => {
  const graph = (edges: Record<string, string[]>) => new Map(Object.entries(edges));

  test('finds a cycle of three files that is reached from a file outside the cycle', () => {
    expect(findCycle(graph({ top: ['a'], a: ['b'], b: ['c'], c: ['a'] }))).toEqual(['a', 'b', 'c', 'a']);
  });

  test('finds a file that imports itself', () => {
    expect(findCycle(graph({ a: ['a'] }))).toEqual(['a', 'a']);
  });

  test('finds no cycle if two files import the same file', () => {
    expect(findCycle(graph({ a: ['b', 'c'], b: ['d'], c: ['d'], d: [] }))).toBeUndefined();
  });
});
