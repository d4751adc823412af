import { afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import KeyvRedis5, { createKeyv as createKeyvRedis5 } from '@keyv/redis';
import { createCache } from 'cache-manager';
import { Cacheable } from 'cacheable';
import { Keyv as Keyv6 } from 'keyv';
import KeyvRedis6, { createKeyv as createKeyvRedis6 } from 'keyv-redis6';
import { Keyv as Keyv5 } from 'keyv5';
import { createClient } from 'redis';
import { createKeyv, type DRedisStoreOptions } from '../../src/index.js';
import {
  type AnyKeyv,
  collectErrors,
  connectClient,
  connectPlain,
  entriesOf,
  type Major,
  onCleanUp,
  openKeyv,
  openStoreOver,
  type PlainServers,
  startServer,
  takeErrorCodes,
} from '../support/index.js';

// With keyFormat: 'keyv-redis', a store reads and writes the keys of @keyv/redis. Each test opens a cache with
// @keyv/redis and the same cache with the store, on one server. One writes, and the other reads.

let location: string;
let redis: PlainServers;
let client: Awaited<ReturnType<typeof connectClient>>;

beforeAll(async () => {
  ({ location } = await startServer());
  redis = await connectPlain([location]);
  client = await connectClient(location);
});

afterEach(() => redis.flush());

interface Setup {
  readonly namespace?: string | undefined;
  /** Keyv's own option, for Keyv 5 only. */
  readonly useKeyPrefix?: boolean | undefined;
  /** Called keyPrefixSeparator by @keyv/redis. */
  readonly keySeparator?: string | undefined;
}

/** How to open the same cache with both adapters. */
interface Pair {
  readonly major: Major;
  readonly theirs: (setup: Setup) => AnyKeyv;
  readonly ours: (setup: Setup) => AnyKeyv;
}

const url = () => `redis://${location}`;
const theirOptions = ({ namespace, keySeparator }: Setup) => ({
  ...(namespace === undefined ? {} : { namespace }),
  ...(keySeparator === undefined ? {} : { keyPrefixSeparator: keySeparator }),
});
const ourOptions = ({ namespace, keySeparator }: Setup): DRedisStoreOptions => ({
  keyFormat: 'keyv-redis',
  namespace,
  keySeparator,
});

/** Closes a cache after the test, and collects its errors. */
function opened(cache: unknown): AnyKeyv {
  const keyv = cache as AnyKeyv;
  collectErrors(keyv);
  onCleanUp(() => keyv.disconnect());
  return keyv;
}

const KEYVS = { 5: Keyv5, 6: Keyv6 } as unknown as Record<Major, new (options: object) => AnyKeyv>;

function overNew(major: Major, KeyvRedis: typeof KeyvRedis5): Pair {
  const options = ({ namespace, useKeyPrefix }: Setup) => ({
    ...(namespace === undefined ? {} : { namespace }),
    ...(useKeyPrefix === undefined ? {} : { useKeyPrefix }),
  });
  return {
    major,
    theirs: (setup) =>
      opened(
        new KEYVS[major]({
          ...options(setup),
          store: new KeyvRedis(url(), theirOptions({ keySeparator: setup.keySeparator })),
        }),
      ),
    ours: (setup) => {
      const { namespace: _, ...storeOptions } = ourOptions(setup);
      return openKeyv(major, options(setup), openStoreOver([location], storeOptions));
    },
  };
}

function overCreateKeyv(
  major: Major,
  theirs: (url: string, options: object) => unknown,
  ours: typeof createKeyv = createKeyv,
): Pair {
  return {
    major,
    theirs: (setup) => opened(theirs(url(), theirOptions(setup))),
    ours: (setup) => opened(ours(url(), ourOptions(setup))),
  };
}

/** createKeyv() of both packages, as they are if Keyv 5 is installed. */
async function createKeyvOfKeyv5(): Promise<Pair> {
  jest.resetModules();
  jest.unstable_mockModule('keyv', () => ({ Keyv: Keyv5 }));
  const [theirs, ours] = await Promise.all([import('@keyv/redis'), import('../../src/create-keyv.js')]);
  jest.unstable_unmockModule('keyv');
  expect(theirs.Keyv).toBe(Keyv5);
  return overCreateKeyv(5, theirs.createKeyv, ours.createKeyv);
}

const PAIRS: [title: string, pair: Pair][] = [
  ['Keyv 5 over @keyv/redis 5', overNew(5, KeyvRedis5)],
  ['Keyv 6 over @keyv/redis 5', overNew(6, KeyvRedis5)],
  ['Keyv 6 over @keyv/redis 6', overNew(6, KeyvRedis6 as unknown as typeof KeyvRedis5)],
  ['createKeyv() of @keyv/redis 5 with Keyv 5', await createKeyvOfKeyv5()],
  ['createKeyv() of @keyv/redis 5 with Keyv 6', overCreateKeyv(6, createKeyvRedis5)],
  ['createKeyv() of @keyv/redis 6 with Keyv 6', overCreateKeyv(6, createKeyvRedis6)],
];

const SETUPS: Setup[] = [
  {},
  { namespace: '' },
  { namespace: 'app' },
  { namespace: 'app:x%' },
  { namespace: 'app', useKeyPrefix: false },
  { useKeyPrefix: false },
  { namespace: 'app', keySeparator: '|' },
  { namespace: 'app', keySeparator: ':' },
  { keySeparator: '*' },
];

/** Keys that contain separators and prefixes. Keyv 5 adds no prefix to some of them. */
const KEYS = ['key', 'a:b', 'a|b', 'app:key', 'app::key', 'app', 'ключ', '%dredis', 'a*b'];

describe.each(PAIRS)('%s', (_title, { major, theirs, ours }) => {
  describe.each(major === 5 ? SETUPS : SETUPS.filter((setup) => setup.useKeyPrefix === undefined))(
    'with %j',
    (setup) => {
      const directions: [title: string, writer: typeof ours, reader: typeof ours][] = [
        ['the store reads what @keyv/redis wrote', theirs, ours],
        ['@keyv/redis reads what the store wrote', ours, theirs],
      ];

      test('both write the same keys and values', async () => {
        const written: (readonly (readonly [string, string | null])[])[] = [];
        for (const open of [theirs, ours]) {
          const cache = open(setup);
          for (const key of KEYS) await cache.set(key, { by: 'set', key });
          await cache.setMany(KEYS.map((key) => ({ key: `${key} of setMany`, value: key })));
          const keys = await redis.keys('');
          written.push(await Promise.all(keys.map(async (key) => [key, await redis.get(key)] as const)));
          await redis.flush();
        }
        expect(written[1]).toEqual(written[0]);
        // Keyv 5 passes the same key for two of them, if one begins with its prefix.
        expect(written[0]?.length).toBeGreaterThanOrEqual(2 * (KEYS.length - 1));
      });

      test.each(directions)('%s', async (_direction, open, openOther) => {
        const [writer, reader] = [open(setup), openOther(setup)];
        await writer.set('one', { by: 'set' });
        await writer.set('two', 'expires', 60_000);
        await writer.setMany([
          { key: 'three', value: [3] },
          { key: 'four', value: 'ü', ttl: 60_000 },
        ]);
        const values = [{ by: 'set' }, 'expires', [3], 'ü', undefined];
        const keys = ['one', 'two', 'three', 'four', 'none'];
        expect(await Promise.all(keys.map((key) => reader.get(key)))).toEqual(values);
        expect(await reader.getMany(keys)).toEqual(values);
        expect(await Promise.all(keys.map((key) => reader.has(key)))).toEqual([
          true,
          true,
          true,
          true,
          false,
        ]);
        expect(await reader.hasMany(keys)).toEqual([true, true, true, true, false]);
        expect(await reader.delete('one')).toBe(true);
        expect([await reader.deleteMany(['two', 'three'])].flat().every(Boolean)).toBe(true);
        expect(await writer.getMany(keys)).toEqual([undefined, undefined, undefined, 'ü', undefined]);
      });

      test('both find each key with every method, or both do not', async () => {
        for (const open of [theirs, ours]) {
          const writer = open(setup);
          await writer.setMany(KEYS.map((key) => ({ key, value: `by setMany: ${key}` })));
          await writer.set('single', 'by set');
        }
        const keys = [...KEYS, 'single'];
        const seen = async (cache: AnyKeyv) => [
          await Promise.all(keys.map((key) => cache.get(key))),
          await cache.getMany(keys),
          await Promise.all(keys.map((key) => cache.has(key))),
          await cache.hasMany(keys),
          await entriesOf(cache),
        ];
        const other = await seen(ours(setup));
        // Without a namespace, @keyv/redis would list this key of the store, too.
        await client.del('%dredis:run');
        const one = await seen(theirs(setup));
        expect(other).toEqual(one);
        expect(one[0]).not.toContain(undefined);
      });
    },
  );

  test.each<[Setup, string[]]>([
    [{ namespace: 'app' }, ['app::']],
    [{ namespace: 'app', keySeparator: ':x:' }, ['app:x:']],
    [{ namespace: 'app:x' }, ['app:x::']],
    [{ namespace: 'a*' }, ['a*::']],
  ])('clear() with %j removes what both wrote, and nothing of another namespace', async (setup, [prefix]) => {
    const others = ['app', 'app2', 'ap', 'app:x', 'app:', 'a*', 'ab', ':', 'APP']
      .flatMap((namespace) => [`${namespace}:key`, `${namespace}::key`, `${namespace}:x:key`, namespace])
      .filter((key) => !key.startsWith(prefix as string));
    // @keyv/redis does not escape the glob characters in a namespace, so it would remove more.
    for (const clearing of setup.namespace === 'a*' ? [ours] : [ours, theirs]) {
      await client.mSet(others.map((key) => [key, ''] as [string, string]));
      for (const open of [ours, theirs]) await open(setup).set(`by ${open === ours}`, 1);
      expect(await redis.keys('')).toHaveLength(new Set(others).size + 2);
      await clearing(setup).clear();
      expect(await redis.keys('')).toEqual([...new Set(others)].sort());
    }
  });

  test('without a namespace, clear() is refused and iterator() leaves out the keys of namespaces', async () => {
    // new Keyv() of Keyv 5 always has a namespace, so take it away.
    const cache = ours({});
    cache.namespace = undefined;
    await client.mSet(['app::key', 'bare', 'a:b'].map((key) => [key, ''] as [string, string]));
    const keys: string[] = [];
    const store = (cache as unknown as { store: AnyKeyv }).store;
    for (const [key] of await entriesOf(store)) keys.push(key);
    expect(keys).toEqual(['a:b', 'bare']);
    await cache.clear();
    expect(takeErrorCodes()).toEqual(['DREDIS_CLEAR_REFUSED']);
    expect(await redis.keys('')).toEqual(['a:b', 'app::key', 'bare']);
  });
});

describe('createKeyv() takes what createKeyv() of @keyv/redis takes:', () => {
  const PASSWORD = 'p,w;d';
  let host: string;
  let port: number;

  beforeAll(async () => {
    ({ host, port } = await startServer('--requirepass', PASSWORD));
  });

  test.each<[title: string, argument: () => Parameters<typeof createKeyv>[0]]>([
    ['a URL', () => `redis://:${encodeURIComponent(PASSWORD)}@${host}:${port}`],
    [
      'a URL with separators of locations in its password',
      () => `redis://default:${PASSWORD}@${host}:${port}/1`,
    ],
    ['an object with a URL', () => ({ url: `redis://${host}:${port}`, password: PASSWORD, database: 2 })],
    [
      'an object with socket options',
      () => ({
        password: PASSWORD,
        name: 'cache',
        socket: { host, port, keepAlive: true, connectTimeout: 1000, reconnectStrategy: () => 100 },
      }),
    ],
    ['a client', () => createClient({ password: PASSWORD, socket: { host, port }, database: 3 })],
  ])('%s', async (_title, argument) => {
    const open = (create: unknown, options: object) => {
      const given = argument();
      if (typeof given === 'object' && 'destroy' in given) onCleanUp(() => given.isOpen && given.destroy());
      return opened((create as (given: unknown, options: object) => unknown)(given, options));
    };
    for (const theirs of [createKeyvRedis5, createKeyvRedis6]) {
      const one = open(theirs, { namespace: 'app' });
      const other = open(createKeyv, { namespace: 'app', keyFormat: 'keyv-redis' });
      await one.set('key', 'value');
      expect(await other.get('key')).toBe('value');
      await other.set('key', 'other value');
      expect(await one.get('key')).toBe('other value');
    }
  });
});

test('Cacheable and cache-manager find over the store what they wrote over @keyv/redis', async () => {
  const adapters = [
    () => new KeyvRedis5(url()),
    () => openStoreOver([location], { keyFormat: 'keyv-redis' }),
  ] as (() => KeyvRedis5<unknown>)[];
  for (const [writer, reader] of [adapters, [...adapters].reverse()]) {
    const cacheables = [writer, reader].map(
      (adapter) => new Cacheable({ secondary: adapter?.() as KeyvRedis5<unknown>, namespace: 'cacheable' }),
    );
    await cacheables[0]?.set('key', 'value', '1m');
    expect(await cacheables[1]?.get('key')).toBe('value');
    const managers = [writer, reader].map((adapter) =>
      createCache({ stores: [new Keyv5({ store: adapter?.(), namespace: 'pages' })] }),
    );
    await managers[0]?.mset([{ key: 'key', value: 'value' }]);
    expect(await managers[1]?.mget(['key', 'none'])).toEqual(['value', undefined]);
    expect(await managers[1]?.clear()).toBe(true);
    expect(await managers[0]?.get('key')).toBeUndefined();
    await Promise.all([...cacheables, ...managers].map((cache) => cache.disconnect()));
    await redis.flush();
  }
});
