import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PlainServers } from './support/plain-servers.js';
import { sharedLocations } from './support/servers.js';

const WORKSPACE = fileURLToPath(new URL('../../../', import.meta.url));
const NAMESPACE = 'package-test';

let folder: string;
let tarball: string;
let redis: PlainServers;

beforeAll(async () => {
  redis = await PlainServers.connect(sharedLocations());
  folder = await mkdtemp(join(tmpdir(), 'keyv-dredis-package-'));
  tarball = await buildAndPack(join(folder, 'workspace'));
}, 120_000);

afterAll(async () => {
  await redis?.remove(NAMESPACE);
  await redis?.close();
  await rm(folder, { recursive: true, force: true });
});

describe('the tarball', () => {
  let unpacked: string;

  beforeAll(async () => {
    unpacked = join(folder, 'unpacked');
    await mkdir(unpacked);
    await run('tar', ['-xzf', tarball, '-C', unpacked, '--strip-components=1'], folder);
  });

  const inside = (path: string) => readFile(join(unpacked, path), 'utf8');

  test('holds what users need, and no sources, tests or maps', async () => {
    const declarations = [
      'contract',
      'create-keyv',
      'errors',
      'index',
      'locations',
      'options',
      'redis-client',
      'reporter',
      'store',
      'values',
    ].map((name) => `${name}.d.ts`);
    const dist = (format: string, ...more: string[]) =>
      [...declarations, 'index.js', ...more].map((name) => `dist/${format}/${name}`);
    expect(await filesOf(unpacked)).toEqual(
      ['LICENSE', 'README.md', 'package.json', ...dist('cjs', 'package.json'), ...dist('esm')].sort(),
    );
  });

  test.each(['README.md', 'LICENSE'])('has the %s of the repository', async (name) => {
    expect(await inside(name)).toBe(await readFile(join(WORKSPACE, name), 'utf8'));
  });

  // On npm, hash-ring is somebody else's.
  test('imports what its package.json asks for, and Node.js itself', async () => {
    const imported = new Set<string>();
    for (const file of (await filesOf(unpacked)).filter((file) => file.startsWith('dist/'))) {
      const code = await inside(file);
      for (const [, name] of code.matchAll(
        /(?:\bfrom|\bimport|\brequire\(|\bimport\()\s*['"]([^'"]+)['"]/g,
      )) {
        if (!/^\.|^node:/.test(name as string)) imported.add(name as string);
      }
    }
    const { dependencies, peerDependencies } = JSON.parse(await inside('package.json'));
    expect([...imported].sort()).toEqual(['keyv', 'redis']);
    expect(Object.keys({ ...dependencies, ...peerDependencies }).sort()).toEqual(['keyv', 'redis']);
  });
});

describe.each(['6.1.0', '5.6.0'])('installed by npm beside keyv %s', (keyvVersion) => {
  const locations = sharedLocations();
  let project: string;

  beforeAll(async () => {
    project = join(folder, `keyv-${keyvVersion}`);
    await mkdir(project);
    for (const [name, text] of Object.entries(PROJECT)) await writeFile(join(project, name), text);
    const packages = [tarball, `keyv@${keyvVersion}`, '@types/node@20.19.43'];
    const quietly = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
    await run('npm', ['install', ...quietly, ...packages], project);
  }, 120_000);

  /** Runs a program of the project, and looks at what it says and at what it has left in Redis. */
  async function expectToWork(program: string): Promise<void> {
    const namespace = `${NAMESPACE}-${keyvVersion}-${basename(program)}`;
    const said = await run(process.execPath, [program, namespace, ...locations], project);
    expect(JSON.parse(said)).toEqual({
      user: { name: 'Ada' },
      many: [{ name: 'Ada' }, null],
      hits: 2,
      fromShortcut: 'page',
      refused: ['InvalidOptionError', 'DREDIS_INVALID_OPTION'],
      defaultIsTheStore: true,
      errors: [],
    });
    expect(await redis.keys(namespace)).toEqual([
      `${namespace}-shortcut:home`,
      `${namespace}:hits`,
      `${namespace}:user:1`,
    ]);
    expect(await redis.get(`${namespace}:user:1`)).toContain('{"name":"Ada"}');
    expect(await redis.ttlMs(`${namespace}:user:1`)).toBeGreaterThan(0);
    expect(await redis.get(`${namespace}:hits`)).toBe('2');
  }

  test('one Keyv is there, that one, and no hash-ring', async () => {
    const { packages } = JSON.parse(await readFile(join(project, 'package-lock.json'), 'utf8'));
    const installed = Object.keys(packages).filter((path) => /(^|\/)(keyv|hash-ring)$/.test(path));
    expect(installed).toEqual(['node_modules/keyv']);
    expect(packages['node_modules/keyv'].version).toBe(keyvVersion);
    expect(await readdir(join(project, 'node_modules'))).not.toContain('hash-ring');
  });

  test('works from ES modules', () => expectToWork('program.mjs'));

  test('works from CommonJS', () => expectToWork('program.cjs'));

  test('type-checks in a strict TypeScript project, libraries included, and works from both formats', async () => {
    await run(process.execPath, [join(WORKSPACE, 'node_modules/typescript/bin/tsc'), '-p', '.'], project);
    await expectToWork('out/typed-esm.js');
    await expectToWork('out/typed-cjs.cjs');
  }, 60_000);

  test('does not give away its inside', async () => {
    const program = `import('keyv-dredis/dist/esm/index.js').catch(({ code }) => console.log(code))`;
    expect(await run(process.execPath, ['--eval', program], project)).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED\n');
  });
});

/** What a program does once it has its imports: JavaScript that TypeScript finds nothing wrong with. */
const PROGRAM = `
async function main() {
  const [namespace = '', ...locations] = process.argv.slice(2);
  const store = new DRedisStore(locations);
  const cache = new Keyv({ store, namespace });
  const errors = new Set();
  cache.on('error', (error) => errors.add(error.message));

  await cache.set('user:1', { name: 'Ada' }, 60000);
  const user = await cache.get('user:1');
  const many = await cache.getMany(['user:1', 'user:2']);
  const { client, key } = store.locate('hits');
  await client.incr(key);
  const hits = await client.incr(key);

  const shortcut = createKeyv(locations, { namespace: namespace + '-shortcut' });
  await shortcut.set('home', 'page');
  const fromShortcut = await shortcut.get('home');

  let refused;
  try {
    new DRedisStore([]);
  } catch (error) {
    if (error instanceof InvalidOptionError) refused = [error.name, error.code];
  }
  await Promise.all([cache.disconnect(), shortcut.disconnect()]);
  return { user, many, hits, fromShortcut, refused, defaultIsTheStore: DefaultStore === DRedisStore, errors: [...errors] };
}
main().then((said) => console.log(JSON.stringify(said)));
`;

/** What only the compiler looks at. */
const TYPES = `
export function typed(store: DRedisStore): void {
  const adapter: KeyvStoreAdapter = store;
  const keyv: Keyv = createKeyv('localhost', { namespace: 'typed', commandTimeoutMs: 500 });
  const Store: typeof DRedisStore = DefaultStore;
  const hits: Promise<number> = store.locate('hits').client.incr('hits');
  const added: Promise<string | Buffer | null> = store.locate('lock').client.set('lock', '1', { condition: 'NX' });
  store.on('error', (error) => {
    const code: DRedisErrorCode = error.code;
    const node: string | undefined = error.node;
    // @ts-expect-error a code that there is not
    return [code, node, error.code === 'DREDIS_WRONG'];
  });
  store.on('node:down', (node, error) => [node.toUpperCase(), error instanceof NodeUnavailableError]);
  store.once('node:up', (node) => node.toUpperCase());
  // @ts-expect-error an event that there is not
  store.on('node:gone', () => undefined);
  // @ts-expect-error a node is a name
  store.on('node:up', (node: number) => node);
  // @ts-expect-error an option that there is not
  createKeyv('localhost', { commandTimeout: 500 });
  // @ts-expect-error milliseconds are a number
  createKeyv('localhost', { commandTimeoutMs: '500' });
  void [adapter, keyv, Store, hits, added];
}
`;

const NAMES = 'createKeyv, DRedisStore, InvalidOptionError';
const TYPED_IMPORTS = `
import DefaultStore, { ${NAMES}, NodeUnavailableError, type DRedisErrorCode } from 'keyv-dredis';
import { Keyv, type KeyvStoreAdapter } from 'keyv';
`;
const REQUIRED = `
import keyvDredis = require('keyv-dredis');
const RequiredStore: typeof DRedisStore = keyvDredis.default;
if (RequiredStore !== DRedisStore) throw new Error('import and require give two stores');
`;

/** Files of a user's project. */
const PROJECT = {
  'package.json': '{ "private": true, "type": "module" }',
  'program.mjs': `
    import DefaultStore, { ${NAMES} } from 'keyv-dredis';
    import { Keyv } from 'keyv';
    ${PROGRAM}`,
  'program.cjs': `
    const { ${NAMES} } = require('keyv-dredis');
    const DefaultStore = require('keyv-dredis').default;
    const { Keyv } = require('keyv');
    ${PROGRAM}`,
  'typed-esm.ts': TYPED_IMPORTS + PROGRAM + TYPES,
  'typed-cjs.cts': TYPED_IMPORTS + REQUIRED + PROGRAM + TYPES,
  'tsconfig.json': JSON.stringify({
    compilerOptions: {
      target: 'es2022',
      module: 'nodenext',
      types: ['node'],
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      rootDir: '.',
      outDir: 'out',
    },
    include: ['*.ts', '*.cts'],
  }),
};

/**
 * Builds in a copy of the workspace, for other tests run at the same time and a clean checkout has no
 * `dist` of the ring.
 *
 * @returns path of the packed file
 */
async function buildAndPack(copy: string): Promise<string> {
  const copied = [
    ...['package.json', 'pnpm-workspace.yaml', 'tsconfig.base.json', 'README.md'],
    ...['package.json', 'build.ts', 'tsconfig.build.json', 'src', 'node_modules'].flatMap((name) => [
      `packages/hash-ring/${name}`,
      `packages/keyv-dredis/${name}`,
    ]),
    'packages/keyv-dredis/LICENSE',
    'packages/redis-launcher/package.json',
  ];
  for (const path of copied) {
    // The links to dependencies are relative, so that those in the copy lead to the copy.
    await cp(join(WORKSPACE, path), join(copy, path), { recursive: true, verbatimSymlinks: true });
  }
  await symlink(join(WORKSPACE, 'node_modules'), join(copy, 'node_modules'));
  for (const name of ['hash-ring', 'keyv-dredis']) {
    await run('npm', ['run', 'build'], join(copy, 'packages', name));
  }
  const [pnpm, ...options] = pnpmCommand();
  await run(pnpm, [...options, 'pack', '--pack-destination', copy], join(copy, 'packages/keyv-dredis'));
  const packed = (await readdir(copy)).filter((name) => name.endsWith('.tgz'));
  expect(packed).toEqual([expect.stringMatching(/^keyv-dredis-\d/)]);
  return join(copy, packed[0] as string);
}

/** The pnpm that runs the tests; another one where they were started without. */
function pnpmCommand(): [string, ...string[]] {
  const path = process.env['npm_execpath'];
  if (path === undefined || !basename(path).startsWith('pnpm')) return ['npx', '-y', 'pnpm@12'];
  return /^\.[cm]?js$/.test(extname(path)) ? [process.execPath, path] : [path];
}

/** Runs a command as a user would, outside of any package manager. @returns what it printed */
async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  // pnpm tells the processes below it about itself; of that, npm shall only know the way to the registry.
  const wanted = /^npm_config_(registry|cafile|cache|userconfig|https?_?proxy|no_?proxy)$/i;
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^p?npm_/i.test(name) || wanted.test(name)),
  );
  try {
    return (await promisify(execFile)(command, args, { cwd, env, timeout: 100_000 })).stdout;
  } catch (error) {
    const { message, stdout, stderr } = error as Error & { stdout: string; stderr: string };
    throw new Error(`${message}\n${stdout}\n${stderr}`);
  }
}

/** Paths of all files below a folder, sorted. */
async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}
