import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  buildAndPack,
  filesOf,
  packagesImportedBy,
  QUIETLY,
  run,
  STRICT_PROJECT,
  type Tarballs,
  TYPESCRIPT,
  unpack,
  WORKSPACE,
} from '../support/packing.js';
import { PlainServers } from '../support/plain-servers.js';
import { sharedLocations } from '../support/servers.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';

const NAMESPACE = 'package-test';

/** To build and pack, or to install: several programs one after the other, on a machine under load. */
const INSTALLATION_MS = 400_000;

let temporary: TemporaryFolder;
let folder: string;
let tarballs: Tarballs;
let redis: PlainServers;

beforeAll(async () => {
  redis = await PlainServers.connect(sharedLocations());
  temporary = await temporaryFolder('keyv-dredis-package-');
  folder = temporary.path;
  tarballs = await buildAndPack(join(folder, 'workspace'));
}, INSTALLATION_MS);

afterAll(async () => {
  await redis?.remove(NAMESPACE);
  await redis?.close();
  await temporary?.remove();
});

describe('the tarball of keyv-dredis', () => {
  let unpacked: string;

  beforeAll(async () => {
    unpacked = await unpack(tarballs.store, join(folder, 'unpacked'));
  });

  const inside = (path: string) => readFile(join(unpacked, path), 'utf8');

  test('holds what users need, and no sources, tests or maps', async () => {
    const declarations = [
      'config/locations',
      'config/options',
      'connection/redis-client',
      'create-keyv',
      'dredis-store',
      'errors/errors',
      'errors/reporter',
      'format/keyspace',
      'format/values',
      'index',
      'keyv/capabilities',
      'node/health',
      'store',
      'types',
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
    const { dependencies, peerDependencies } = JSON.parse(await inside('package.json'));
    expect(await packagesImportedBy(unpacked)).toEqual(['keyv', 'redis']);
    expect(Object.keys({ ...dependencies, ...peerDependencies }).sort()).toEqual(['keyv', 'redis']);
  });
});

describe.each(['6.1.0', '5.6.0'])('keyv-dredis installed by npm beside keyv %s', (keyvVersion) => {
  const locations = sharedLocations();
  let project: string;

  beforeAll(async () => {
    project = join(folder, `keyv-${keyvVersion}`);
    await mkdir(project);
    for (const [name, text] of Object.entries(PROJECT)) await writeFile(join(project, name), text);
    const packages = [tarballs.store, `keyv@${keyvVersion}`, '@types/node@20.19.43'];
    await run('npm', ['install', ...QUIETLY, ...packages], project);
  }, INSTALLATION_MS);

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
    await run(process.execPath, [TYPESCRIPT, '-p', '.'], project);
    await expectToWork('out/typed-esm.js');
    await expectToWork('out/typed-cjs.cjs');
  });

  test('does not give away its inside', async () => {
    const program = `import('keyv-dredis/dist/esm/index.js').catch(({ code }) => console.log(code))`;
    expect(await run(process.execPath, ['--eval', program], project)).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED\n');
  });
});

describe('the tarball of hash-ring', () => {
  let unpacked: string;

  beforeAll(async () => {
    unpacked = await unpack(tarballs.ring, join(folder, 'unpacked-ring'));
  });

  test('holds each module in both formats with its declarations, and no sources, tests or maps', async () => {
    const sources = await filesOf(join(WORKSPACE, 'packages/hash-ring/src'));
    const modules = sources.map((path) => path.replace(/\.ts$/, ''));
    const dist = (format: string, ...more: string[]) =>
      [...modules.flatMap((name) => [`${name}.js`, `${name}.d.ts`]), ...more].map(
        (name) => `dist/${format}/${name}`,
      );
    expect(await filesOf(unpacked)).toEqual(
      ['LICENSE', 'README.md', 'package.json', ...dist('cjs', 'package.json'), ...dist('esm')].sort(),
    );
  });

  test('needs nothing, and imports nothing', async () => {
    const { dependencies, peerDependencies } = JSON.parse(
      await readFile(join(unpacked, 'package.json'), 'utf8'),
    );
    expect([dependencies, peerDependencies]).toEqual([undefined, undefined]);
    expect(await packagesImportedBy(unpacked)).toEqual([]);
  });
});

describe('hash-ring installed by npm', () => {
  let project: string;

  beforeAll(async () => {
    project = join(folder, 'ring');
    await mkdir(project);
    for (const [name, text] of Object.entries(RING_PROJECT)) await writeFile(join(project, name), text);
    await run('npm', ['install', ...QUIETLY, tarballs.ring, '@types/node@20.19.43'], project);
  }, INSTALLATION_MS);

  // Owners as libmemcached and twemproxy have them (vectors/ of hash-ring).
  const said = {
    owners: ['127.0.0.1:7601', '127.0.0.1:7603', '127.0.0.1:7604'],
    replicas: 2,
    refused: ['HashRingError', 'INVALID_NODE'],
    svg: true,
  };

  test.each(['program.mjs', 'program.cjs'])('%s', async (program) => {
    expect(JSON.parse(await run(process.execPath, [program], project))).toEqual(said);
  });

  test('type-checks in a strict TypeScript project, libraries included, and works from both formats', async () => {
    await run(process.execPath, [TYPESCRIPT, '-p', '.'], project);
    for (const program of ['out/typed-esm.js', 'out/typed-cjs.cjs']) {
      expect(JSON.parse(await run(process.execPath, [program], project))).toEqual(said);
    }
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
  'tsconfig.json': STRICT_PROJECT,
};

const RING_PROGRAM = `
const ring = new HashRing(['127.0.0.1:7601', '127.0.0.1:7602', '127.0.0.1:7603', { name: '127.0.0.1:7604', weight: 1 }]);
let refused;
try {
  ring.add('');
} catch (error) {
  if (error instanceof HashRingError) refused = [error.name, error.code];
}
console.log(
  JSON.stringify({
    owners: ['a', '0', 'foo'].map((key) => ring.get(key)),
    replicas: new Set(ring.replicas('a', 2)).size,
    refused,
    svg: renderRing(ring).startsWith('<svg'),
  }),
);
`;

const RING_TYPES = `
export function typed(nodes: readonly RingNode[], options: HashRingOptions): string | undefined {
  const made: HashRing = new HashRing(nodes, options);
  // @ts-expect-error a weight is a number
  made.add({ name: 'a', weight: '1' });
  // @ts-expect-error a key is text or bytes
  made.get(1);
  const owners: (string | undefined)[] = made.getMany(['a', Buffer.from('b')]);
  return owners[0];
}
`;

const RING_IMPORTS = `
import { HashRing, HashRingError, type HashRingOptions, type RingNode } from 'hash-ring';
import { renderRing } from 'hash-ring/svg';
`;

const RING_PROJECT = {
  'package.json': '{ "private": true, "type": "module" }',
  'program.mjs': `
    import { HashRing, HashRingError } from 'hash-ring';
    import { renderRing } from 'hash-ring/svg';
    ${RING_PROGRAM}`,
  'program.cjs': `
    const { HashRing, HashRingError } = require('hash-ring');
    const { renderRing } = require('hash-ring/svg');
    ${RING_PROGRAM}`,
  'typed-esm.ts': RING_IMPORTS + RING_PROGRAM + RING_TYPES,
  'typed-cjs.cts': RING_IMPORTS + RING_PROGRAM + RING_TYPES,
  'tsconfig.json': STRICT_PROJECT,
};
