import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { build, type Metafile } from 'esbuild';
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

const INTEGRATIONS = await readFile(join(WORKSPACE, 'docs/integrations.md'), 'utf8');

/** Building, packing and installing run several programs, possibly on a loaded machine. */
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

  test('contains code, declarations and documentation, and no sources, tests or maps', async () => {
    const declarations = [
      'config/connection-argument',
      'config/location-options',
      'config/location-syntax',
      'config/locations',
      'config/options',
      'connection/redis-client',
      'connection/sentinel',
      'create-keyv',
      'dredis-store',
      'errors/errors',
      'errors/reporter',
      'format/keyspace',
      'format/values',
      'index',
      'keyv/capabilities',
      'keyv/store-events',
      'membership/change-types',
      'membership/record',
      'node/absence',
      'node/node-status',
      'store',
      'types',
    ].map((name) => `${name}.d.ts`);
    const ring = [
      ...['errors', 'hash-ring', 'index', 'movement', 'options', 'svg'].map((name) => `${name}.d.ts`),
      ...['index.js', 'svg.js'],
    ].map((name) => `hash-ring/${name}`);
    const dist = (format: string, more: string) =>
      [...declarations, ...ring, 'index.js', more].map((name) => `dist/${format}/${name}`);
    const docs = (await readdir(join(WORKSPACE, 'docs'))).map((name) => `docs/${name}`);
    expect(await filesOf(unpacked)).toEqual(
      [
        'LICENSE',
        'README.md',
        'package.json',
        ...docs,
        ...dist('cjs', 'package.json'),
        ...dist('esm', 'hash-ring/hash-ring.js'),
        ...['dist/cli/LICENSES.txt', 'dist/cli/keyv-dredis.cjs'],
      ].sort(),
    );
  });

  test('has the licences of the libraries in the command line', async () => {
    const licences = await inside('dist/cli/LICENSES.txt');
    for (const name of ['commander', 'cli-progress', 'cli-table3', 'read', 'mute-stream', 'string-width']) {
      expect(licences).toContain(`${name}\n\n`);
    }
  });

  test('has a library without the libraries of the command line', async () => {
    const files = (await filesOf(unpacked)).filter((path) => /^dist\/(esm|cjs)\/.*\.js$/.test(path));
    for (const path of files) expect(await inside(path)).not.toMatch(/commander|cli-table3|cli-progress/i);
  });

  test.each(['README.md', 'LICENSE', 'docs/options.md'])("contains the repository's %s", async (name) => {
    expect(await inside(name)).toBe(await readFile(join(WORKSPACE, name), 'utf8'));
  });

  test("imports only its dependencies and Node.js's modules", async () => {
    const { dependencies, peerDependencies } = JSON.parse(await inside('package.json'));
    expect(await packagesImportedBy(unpacked)).toEqual(['keyv', 'redis']);
    expect(Object.keys({ ...dependencies, ...peerDependencies }).sort()).toEqual(['keyv', 'redis']);
  });

  test('has a package.json without workspace packages and devDependencies', async () => {
    const text = await inside('package.json');
    expect(JSON.parse(text)).toMatchObject({ name: 'keyv-dredis' });
    expect(JSON.parse(text)).not.toHaveProperty('devDependencies');
    expect(text).not.toMatch(/"(hash-ring|redis-launcher)"|workspace:/);
  });

  test('contains one ring as ES modules, shared by the store and keyv-dredis/hash-ring', async () => {
    const modules = (await filesOf(join(unpacked, 'dist/esm'))).filter((path) => path.endsWith('.js'));
    const texts = await Promise.all(modules.map((path) => inside(`dist/esm/${path}`)));
    const withRing = modules.filter((_, i) => texts[i]?.includes('INVALID_NODE'));
    expect(withRing).toEqual(['hash-ring/hash-ring.js']);
    expect(await inside('dist/esm/index.js')).toContain('from "./hash-ring/hash-ring.js"');
  });
});

describe.each(['6.1.0', '5.6.0'])('keyv-dredis, installed by npm next to keyv %s,', (keyvVersion) => {
  const locations = sharedLocations();
  let project: string;

  beforeAll(async () => {
    project = join(folder, `keyv-${keyvVersion}`);
    await mkdir(project);
    for (const [name, text] of Object.entries(PROJECT)) await writeFile(join(project, name), text);
    await run('npm', ['install', ...QUIETLY, tarballs.store, `keyv@${keyvVersion}`], project);
  }, INSTALLATION_MS);

  /** Runs one of the project's programs, and checks its output and the keys in Redis. */
  async function expectToWork(program: string): Promise<void> {
    const namespace = `${NAMESPACE}-${keyvVersion}-${basename(program)}`;
    await redis.remove(namespace);
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

  test('comes with only one keyv, in this version, and without hash-ring', async () => {
    const { packages } = JSON.parse(await readFile(join(project, 'package-lock.json'), 'utf8'));
    const installed = Object.keys(packages).filter((path) => /(^|\/)(keyv|hash-ring)$/.test(path));
    expect(installed).toEqual(['node_modules/keyv']);
    expect(packages['node_modules/keyv'].version).toBe(keyvVersion);
    expect(await readdir(join(project, 'node_modules'))).not.toContain('hash-ring');
  });

  test('has a command line that npx runs', async () => {
    const said = await run('npx', ['keyv-dredis', 'ring', '--json', '--nodes', locations.join()], project);
    expect(JSON.parse(said).nodes.map(({ node }: { node: string }) => node)).toEqual(locations);
  });

  test('works from ES modules', () => expectToWork('program.mjs'));

  test('works from CommonJS', () => expectToWork('program.cjs'));

  // Regression: with @types/node 25 and later, the store's declarations did not compile, because EventEmitter
  // has other types there.
  test.each(['20.19.43', '26.6.7'])(
    'type-checks in a strict TypeScript project with its libraries and @types/node %s, and works in both formats',
    async (version) => {
      await run('npm', ['install', ...QUIETLY, `@types/node@${version}`], project);
      await run(process.execPath, [TYPESCRIPT, '-p', '.'], project);
      await expectToWork('out/typed-esm.js');
      await expectToWork('out/typed-cjs.cjs');
    },
    INSTALLATION_MS,
  );

  // Regression: error replies were recognized by the name of their class, which a minifier changes. In a
  // minified bundle every error reply then counted as a lost connection.
  test.each([
    ['errors.mjs', 'esm'],
    ['errors.cjs', 'cjs'],
  ] as const)(
    'tells error replies from lost connections in a minified bundle: %s',
    async (program, format) => {
      const bundleFile = `minified-${program}`;
      await build({
        entryPoints: [join(project, program)],
        outfile: join(project, bundleFile),
        bundle: true,
        minify: true,
        platform: 'node',
        format,
        // node-redis requires modules of Node.js.
        ...(format === 'esm' && {
          banner: {
            js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
          },
        }),
        logLevel: 'error',
      });
      const said = await run(process.execPath, [bundleFile, `${NAMESPACE}-minified`, ...locations], project);
      expect(JSON.parse(said)).toEqual({
        refused: ['DREDIS_COMMAND_FAILED', 'CommandFailedError', true],
        unavailable: ['DREDIS_NODE_UNAVAILABLE', 'NodeUnavailableError', true],
        states: 'up',
      });
    },
  );

  test.each(['jest', 'vitest'] as const)('works under the fake timers of %s', async (runner) => {
    await run(process.execPath, FAKE_TIMERS[runner], project, {
      NAMESPACE: `${NAMESPACE}-${keyvVersion}-${runner}`,
      LOCATIONS: locations.join(),
    });
  });

  test('recognizes errors of its other format with DRedisError.is()', async () => {
    const program = `
      const { DRedisStore: Other } = require('keyv-dredis');
      import('keyv-dredis').then(({ DRedisError }) => {
        try { new Other([]); } catch (error) {
          console.log([DRedisError.is(error), error instanceof DRedisError, DRedisError.is(new Error()), DRedisError.is(null)].join());
        }
      });`;
    expect(await run(process.execPath, ['--input-type=commonjs', '--eval', program], project)).toBe(
      'true,false,false,false\n',
    );
  });

  test('has internal modules that cannot be imported', async () => {
    const program = `import('keyv-dredis/dist/esm/index.js').catch(({ code }) => console.log(code))`;
    expect(await run(process.execPath, ['--eval', program], project)).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED\n');
  });
});

describe('the tarball of hash-ring', () => {
  let unpacked: string;
  let manifest: Record<string, unknown>;

  beforeAll(async () => {
    unpacked = await unpack(tarballs.ring, join(folder, 'unpacked-ring'));
    manifest = JSON.parse(await readFile(join(unpacked, 'package.json'), 'utf8'));
  });

  test('contains every module in both formats with its declarations, and no sources, tests or maps', async () => {
    const sources = await filesOf(join(WORKSPACE, 'packages/hash-ring/src'));
    const modules = sources.map((path) => path.replace(/\.ts$/, ''));
    const dist = (format: string, ...more: string[]) =>
      [...modules.flatMap((name) => [`${name}.js`, `${name}.d.ts`]), ...more].map(
        (name) => `dist/${format}/${name}`,
      );
    const docs = await filesOf(join(WORKSPACE, 'packages/hash-ring/docs'));
    expect(await filesOf(unpacked)).toEqual(
      [
        ...['LICENSE', 'README.md', 'package.json'],
        ...docs.map((path) => `docs/${path}`),
        ...dist('cjs', 'package.json'),
        ...dist('esm'),
      ].sort(),
    );
  });

  test('has no dependencies, and imports nothing', async () => {
    expect(manifest).not.toHaveProperty('dependencies');
    expect(manifest).not.toHaveProperty('peerDependencies');
    expect(await packagesImportedBy(unpacked)).toEqual([]);
  });

  test('is private, because the name belongs to another package on npm', () => {
    expect(manifest).toMatchObject({ name: 'hash-ring', private: true });
  });
});

describe.each([
  { specifier: 'hash-ring', tarball: 'ring' },
  { specifier: 'keyv-dredis/hash-ring', tarball: 'store' },
] as const)('$specifier installed by npm', ({ specifier, tarball }) => {
  const ringFolder = (format: 'esm' | 'cjs') =>
    tarball === 'ring' ? `hash-ring/dist/${format}/` : `keyv-dredis/dist/${format}/hash-ring/`;
  let project: string;

  beforeAll(async () => {
    project = join(folder, `ring-of-${tarball}`);
    await mkdir(project);
    const files = Object.entries(ringProject(specifier));
    for (const [name, text] of files) await writeFile(join(project, name), text);
    await run('npm', ['install', ...QUIETLY, tarballs[tarball], '@types/node@20.19.43'], project);
  }, INSTALLATION_MS);

  // These owners were computed by libmemcached and twemproxy; see packages/hash-ring/test/vectors.
  const expected = {
    owners: ['127.0.0.1:7601', '127.0.0.1:7603', '127.0.0.1:7604'],
    replicas: 2,
    refused: ['HashRingError', 'INVALID_NODE'],
    svg: true,
  };

  test.each(['program.mjs', 'program.cjs'])('%s finds owners and draws the ring', async (program) => {
    expect(JSON.parse(await run(process.execPath, [program], project))).toEqual(expected);
  });

  test('type-checks in a strict TypeScript project with its libraries, and works in both formats', async () => {
    await run(process.execPath, [TYPESCRIPT, '-p', '.'], project);
    for (const program of ['out/typed-esm.js', 'out/typed-cjs.cjs']) {
      expect(JSON.parse(await run(process.execPath, [program], project))).toEqual(expected);
    }
  });

  test.each(['loaded.mjs', 'loaded.cjs'])("%s loads only the ring's modules", async (program) => {
    const loaded: string[] = JSON.parse(await run(process.execPath, [program], project));
    expect(loaded.length).toBeGreaterThanOrEqual(2);
    const format = program === 'loaded.mjs' ? 'esm' : 'cjs';
    expect(loaded.filter((path) => !path.startsWith(ringFolder(format)))).toEqual([]);
  });

  test('a browser bundle includes the ring without SVG, and nothing for an unused import', async () => {
    const ring = await bundled(project, `import { HashRing } from '${specifier}'; console.log(HashRing);`);
    expect(ring.text).toContain('INVALID_NODE');
    expect(ring.text).not.toContain('<svg');
    expect(ring.inputs.filter((path) => !path.includes(ringFolder('esm')))).toEqual(['<stdin>']);

    const drawing = await bundled(project, `export { renderRing } from '${specifier}/svg';`);
    expect(drawing.text).toContain('<svg');
    expect(drawing.text).not.toContain('INVALID_NODE');

    const unused = await bundled(project, `import { HashRing } from '${specifier}'; console.log('nothing');`);
    expect(unused.text.trim()).toBe('console.log("nothing");');
  });
});

/** Bundles a project's code for browsers. Imports of Node.js modules fail. */
async function bundled(project: string, code: string): Promise<{ text: string; inputs: string[] }> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: project },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    metafile: true,
    write: false,
    logLevel: 'silent',
  });
  const [output] = Object.values((metafile as Metafile).outputs);
  const inputs = Object.entries(output?.inputs ?? {}).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  return {
    text: outputFiles.map(({ text }) => text.replace(/^\/\/.*\n/gm, '')).join(),
    inputs: inputs.map(([path]) => path),
  };
}

/** A program without its imports, valid as JavaScript and as TypeScript. */
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

/** Code that is only compiled. */
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
    // @ts-expect-error an unknown code
    return [code, node, error.code === 'DREDIS_WRONG'];
  });
  store.on('node:down', (node, error) => [node.toUpperCase(), error instanceof NodeUnavailableError]);
  store.once('node:up', (node) => node.toUpperCase());
  // @ts-expect-error a node is given as a name
  store.on('node:up', (node: number) => node);
  // @ts-expect-error an unknown option
  createKeyv('localhost', { commandTimeout: 500 });
  // @ts-expect-error milliseconds must be a number
  createKeyv('localhost', { commandTimeoutMs: '500' });
  void [adapter, keyv, Store, hits, added];
}
`;

/** Causes an error reply, and a refused connection. */
const ERRORS_PROGRAM = `
async function main() {
  const [namespace, ...locations] = process.argv.slice(2);
  const store = new DRedisStore(locations, { namespace });
  const { client, key } = store.locate('list');
  await store.connect();
  const send = client.sendCommand.bind(client);
  client.sendCommand = (args, options) => send(args[0] === 'SET' ? ['EVAL', "return redis.error_reply('OOM full')", '0'] : args, options);
  const refused = await store.set('list', 'value').catch((error) => error);
  client.sendCommand = send;
  const states = [...new Set(store.status().nodes.map(({ state }) => state))].join();
  const dead = new DRedisStore(['127.0.0.1:1']);
  const unavailable = await dead.set('key', 'value').catch((error) => error);
  await client.del(key);
  await Promise.all([store.disconnect(), dead.disconnect()]);
  const seen = (error) => [error.code, error.name, DRedisError.is(error)];
  return { refused: seen(refused), unavailable: seen(unavailable), states };
}
main().then((said) => console.log(JSON.stringify(said)));
`;

/** Commands that run a test with fake timers. Jest loads the CommonJS build, and Vitest the ES modules. */
const FAKE_TIMERS = {
  jest: [
    join(WORKSPACE, 'node_modules/jest/bin/jest.js'),
    ...['--config', '{"testMatch":["<rootDir>/fake-timers.jest.cjs"],"transform":{}}', '--rootDir', '.'],
  ],
  vitest: [join(WORKSPACE, 'packages/keyv-dredis/node_modules/vitest/vitest.mjs'), 'run', '--globals'],
};

/** The call that docs/integrations.md recommends for a test runner. */
const documentedCall = (runner: 'jest' | 'vi') =>
  new RegExp(`\\b${runner}\\.useFakeTimers\\([^\`]+\\)`).exec(INTEGRATIONS)?.[0] as string;

/** A test for Jest and Vitest. */
const FAKE_TIMERS_TEST = `
test('the store works', async () => {
  const { NAMESPACE: namespace, LOCATIONS: locations } = process.env;
  const store = new DRedisStore(locations.split(','), { namespace });
  fakeTimers();
  const now = Date.now();
  expect(await store.set('key', 'value', now + 60000)).toBe(true);
  expect(await store.get('key')).toBe('value');
  expect(await store.getMany(['key', 'none'])).toEqual(['value', undefined]);
  await store.clear();
  expect(await store.get('key')).toBeUndefined();
  await store.disconnect();
  expect(Date.now()).toBe(now);
});
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

/** The files in a project that uses the store. */
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
  'errors.mjs': `import { DRedisError, DRedisStore } from 'keyv-dredis';${ERRORS_PROGRAM}`,
  'errors.cjs': `const { DRedisError, DRedisStore } = require('keyv-dredis');${ERRORS_PROGRAM}`,
  'fake-timers.jest.cjs': `
    const { DRedisStore } = require('keyv-dredis');
    const fakeTimers = () => ${documentedCall('jest')};
    ${FAKE_TIMERS_TEST}`,
  'fake-timers.test.mjs': `
    import { DRedisStore } from 'keyv-dredis';
    const fakeTimers = () => ${documentedCall('vi')};
    ${FAKE_TIMERS_TEST}`,
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
  // @ts-expect-error a weight must be a number
  made.add({ name: 'a', weight: '1' });
  // @ts-expect-error a key must be text or bytes
  made.get(1);
  const owners: (string | undefined)[] = made.getMany(['a', Buffer.from('b')]);
  return owners[0];
}
`;

/** Prints the loaded modules in node_modules. The debugger reports every script that has been loaded. */
const PRINT_LOADED = `
const session = new Session();
session.connect();
const loaded = [];
session.on('Debugger.scriptParsed', ({ params: { url } }) => {
  if (url.includes('/node_modules/')) loaded.push(url.split('/node_modules/').at(-1));
});
session.post('Debugger.enable');
console.log(JSON.stringify(loaded.sort()));
`;

/** The files in a project that imports the ring by this name. */
function ringProject(specifier: string): Record<string, string> {
  const imports = `
    import { HashRing, HashRingError, type HashRingOptions, type RingNode } from '${specifier}';
    import { renderRing } from '${specifier}/svg';
  `;
  return {
    'package.json': '{ "private": true, "type": "module" }',
    'program.mjs': `
      import { HashRing, HashRingError } from '${specifier}';
      import { renderRing } from '${specifier}/svg';
      ${RING_PROGRAM}`,
    'program.cjs': `
      const { HashRing, HashRingError } = require('${specifier}');
      const { renderRing } = require('${specifier}/svg');
      ${RING_PROGRAM}`,
    'typed-esm.ts': imports + RING_PROGRAM + RING_TYPES,
    'typed-cjs.cts': imports + RING_PROGRAM + RING_TYPES,
    'loaded.mjs': `
      import { Session } from 'node:inspector';
      import '${specifier}';
      import '${specifier}/svg';
      ${PRINT_LOADED}`,
    'loaded.cjs': `
      const { Session } = require('node:inspector');
      require('${specifier}');
      require('${specifier}/svg');
      ${PRINT_LOADED}`,
    'tsconfig.json': STRICT_PROJECT,
  };
}
