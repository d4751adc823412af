import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import {
  type AnyKeyv,
  entriesOf,
  MAJORS,
  type Major,
  makeKeyv,
  openKeyv,
  openStore,
  runProgram,
  sharedLocations,
  sharedRedis,
  takeErrorCodes,
} from '../support/index.js';

// Each Keyv with a different namespace needs its own store from withNamespace(). These tests show what
// happens with and without such stores.

let emitWarning: jest.SpiedFunction<typeof process.emitWarning>;

beforeEach(() => {
  emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
});

afterEach(() => {
  emitWarning.mockRestore();
});

const WARNING = [
  expect.stringContaining('store.withNamespace(namespace)'),
  { type: 'DRedisWarning', code: 'DREDIS_SHARED_STORE' },
];

describe.each(MAJORS)('two %s with different namespaces over one store', (_title, major) => {
  let users: AnyKeyv;
  let pages: AnyKeyv;

  beforeEach(async () => {
    const store = openStore();
    users = openKeyv(major, { namespace: 'app-users' }, store);
    await users.set('1', 'Ada');
    pages = openKeyv(major, { namespace: 'app-pages' }, store);
    await pages.set('1', 'page');
  });

  test('emit one warning, which names withNamespace()', async () => {
    pages.namespace = 'app-users';
    pages.namespace = 'app-pages';
    expect(emitWarning.mock.calls).toEqual([WARNING]);
  });

  test('refuse clear() on either Keyv and keep all keys', async () => {
    await users.clear();
    await pages.clear();
    expect(takeErrorCodes()).toEqual(Array(2).fill('DREDIS_NAMESPACE_AMBIGUOUS'));
    expect(await pages.get('1')).toBe('page');
    users.namespace = 'app-users';
    expect(await users.get('1')).toBe('Ada');
  });

  test('write all keys to Redis, and clear() removes none of them', async () => {
    await users.set('after', 2, 60_000);
    await pages.set('own', 3, 60_000);
    // Keyv 5 passes the namespace with each key. Keyv 6 does not, so the last namespace applies to both.
    const namespace = major === 5 ? 'app-users' : 'app-pages';
    const stored = ['app-pages:1', 'app-pages:own', `${namespace}:after`, 'app-users:1'].sort();
    expect(await sharedRedis.keys()).toEqual(stored);
    expect(await users.get('after')).toBe(2);
    expect(await sharedRedis.ttlMs(`${namespace}:after`)).toBeGreaterThan(50_000);
    await users.clear();
    await pages.clear();
    expect(takeErrorCodes()).toEqual(['DREDIS_NAMESPACE_AMBIGUOUS', 'DREDIS_NAMESPACE_AMBIGUOUS']);
    expect(await sharedRedis.keys()).toEqual(stored);
  });
});

test.each(MAJORS)(
  'two %s with the same namespace emit a warning once one of them changes its namespace',
  async (_title, major) => {
    const store = openStore();
    const [keyv] = [1, 2].map(() => openKeyv(major, { namespace: 'app-same' }, store)) as [AnyKeyv];
    await keyv.get('key');
    expect(emitWarning).not.toHaveBeenCalled();
    keyv.namespace = 'app-other';
    expect(emitWarning.mock.calls).toEqual([WARNING]);
  },
);

test('two Keyv 5 with different namespaces over one store keep their keys separate', async () => {
  const store = openStore();
  const users = openKeyv(5, { namespace: 'app-users' }, store);
  const pages = openKeyv(5, { namespace: 'app-pages' }, store);
  await users.set('1', 'Ada');
  await pages.set('1', 'page');
  await users.set('2', 'Grace');
  expect(await users.getMany(['1', '2'])).toEqual(['Ada', 'Grace']);
  expect(await pages.getMany(['1', '2'])).toEqual(['page', undefined]);
  expect(await users.delete('1')).toBe(true);
  expect(await pages.has('1')).toBe(true);
});

// A store accepts keys and expiries in the form of only one major version. Regression: if Keyv 5 and Keyv 6
// shared a store, the store read Keyv 5's ttl of one minute as a time in 1970. So set() resolved to true, but
// the key was gone, and there was no error.
test.each<[string, Major, Major]>([
  ['A Keyv 5 and then a Keyv 6', 5, 6],
  ['A Keyv 6 and then a Keyv 5', 6, 5],
])('%s over one store emit one warning, even without namespaces', (_title, one, other) => {
  const store = openStore();
  openKeyv(one, { namespace: undefined }, store);
  expect(emitWarning).not.toHaveBeenCalled();
  openKeyv(other, { namespace: undefined }, store);
  openKeyv(one, { namespace: undefined }, store);
  expect(emitWarning.mock.calls).toEqual([WARNING]);
});

test.each([
  [5, 6],
  [6, 5],
] as const)(
  'a store that a Keyv %i and then a Keyv %i use follows the later major version',
  async (first, second) => {
    const store = openStore();
    await openKeyv(first, { namespace: 'app:both' }, store).set('first', 1, 60_000);
    const keyv = openKeyv(second, { namespace: 'app:both' }, store);
    await keyv.set('second', 2, 60_000);
    expect(await sharedRedis.keys()).toEqual(['app%3Aboth:first', 'app%3Aboth:second']);
    for (const key of ['first', 'second']) {
      const left = await sharedRedis.ttlMs(`app%3Aboth:${key}`);
      expect(left).toBeGreaterThan(50_000);
      expect(left).toBeLessThanOrEqual(60_001);
    }
    expect(await keyv.getMany(['first', 'second'])).toEqual([1, 2]);
    await keyv.clear();
    expect(await sharedRedis.keys()).toEqual([]);
  },
);

describe('a Keyv 6 without a namespace over the store of another Keyv 6', () => {
  test('emits one warning and refuses clear() if the other has a namespace', async () => {
    const store = openStore();
    const users = openKeyv(6, { namespace: 'app-users' }, store);
    await users.set('1', 'Ada');
    const nameless = openKeyv(6, {}, store);
    await nameless.clear();
    expect(takeErrorCodes()).toEqual(['DREDIS_NAMESPACE_AMBIGUOUS']);
    expect(emitWarning.mock.calls).toHaveLength(1);
    expect(await users.get('1')).toBe('Ada');
  });
});

// In a separate process, because the tests above replace emitWarning().
test.each([
  ['Keyv 5', 'keyv5'],
  ['Keyv 6', 'keyv'],
])('a process with several %s over one store prints one DRedisWarning', async (_title, name) => {
  const { code, output } = await runProgram(
    sharedLocations(),
    `
    import { Keyv } from ${JSON.stringify(import.meta.resolve(name))};
    process.on('warning', ({ name, code, message }) => console.log('warned', name, code, message));
    const store = new DRedisStore(locations);
    for (const namespace of ['app-1', 'app-2', 'app-3']) new Keyv({ store, namespace });
    const apart = new DRedisStore(locations);
    for (const namespace of ['app-1', 'app-2']) new Keyv({ store: apart.withNamespace(namespace), namespace });
    await Promise.all([store.disconnect(), apart.disconnect()]);`,
  );
  expect(code).toBe(0);
  expect(output.match(/^warned .*/gm)).toEqual([
    expect.stringMatching(/^warned DRedisWarning DREDIS_SHARED_STORE .*store\.withNamespace\(namespace\)/),
  ]);
});

describe.each(MAJORS)('no warning under %s', (_title, major) => {
  afterEach(() => {
    expect(emitWarning).not.toHaveBeenCalled();
  });

  test('for one Keyv that changes its namespace', async () => {
    const keyv = openKeyv(major, { namespace: 'app-a' });
    await keyv.set('key', 'a');
    keyv.namespace = 'app-b';
    await keyv.set('key', 'b');
    await keyv.clear();
    expect(await keyv.get('key')).toBeUndefined();
    keyv.namespace = 'app-a';
    expect(await keyv.get('key')).toBe('a');
  });

  test('for two Keyvs with the same namespace, and clear() on either clears both', async () => {
    const store = openStore();
    const one = openKeyv(major, { namespace: 'app-same' }, store);
    const two = openKeyv(major, { namespace: 'app-same' }, store);
    await one.set('key', 'value');
    expect(await two.get('key')).toBe('value');
    await two.clear();
    expect(await one.get('key')).toBeUndefined();
  });

  test('for a thousand Keyvs with the same namespace, and clear() works', async () => {
    const store = openStore();
    const keyvs = Array.from({ length: 1000 }, () => makeKeyv(major, store, { namespace: 'app-many' }));
    await keyvs[0]?.set('key', 'value');
    expect(await keyvs[999]?.get('key')).toBe('value');
    await keyvs[500]?.clear();
    expect(await keyvs[0]?.get('key')).toBeUndefined();
  });

  test('for Keyvs over stores from withNamespace(), and clear() clears only one namespace', async () => {
    const store = openStore();
    const users = openKeyv(major, { namespace: 'app-users' }, store.withNamespace());
    const pages = openKeyv(major, { namespace: 'app-pages' }, store.withNamespace());
    await users.set('1', 'Ada');
    await pages.set('1', 'page');
    await users.clear();
    expect(await users.get('1')).toBeUndefined();
    expect(await entriesOf(pages)).toEqual([['1', 'page']]);
  });

  test('for a store that is assigned to an existing Keyv, and the store works as usual', async () => {
    const keyv = openKeyv(major, { namespace: 'app:later' });
    (keyv as unknown as { store: unknown }).store = openStore();
    await keyv.set('key', 'value', 60_000);
    expect(await sharedRedis.keys()).toEqual(['app%3Alater:key']);
    expect(await sharedRedis.ttlMs('app%3Alater:key')).toBeGreaterThan(50_000);
    expect(await entriesOf(keyv)).toEqual([['key', 'value']]);
    await keyv.clear();
    expect(await sharedRedis.keys()).toEqual([]);
  });
});

test('Keyv 5 and Keyv 6 over stores from withNamespace() see the same data', async () => {
  const store = openStore();
  const five = openKeyv(5, { namespace: 'app:both' }, store.withNamespace());
  const six = openKeyv(6, { namespace: 'app:both' }, store.withNamespace());
  await five.set('from 5', { n: 5 }, 60_000);
  await six.set('from 6', { n: 6 }, 60_000);
  for (const keyv of [five, six]) {
    expect(await keyv.getMany(['from 5', 'from 6'])).toEqual([{ n: 5 }, { n: 6 }]);
    expect(await entriesOf(keyv)).toEqual([
      ['from 5', { n: 5 }],
      ['from 6', { n: 6 }],
    ]);
  }
  await six.clear();
  expect(await five.has('from 5')).toBe(false);
});

describe.each(MAJORS)('disconnect() of a %s', (_title, major) => {
  const openPair = () => {
    const store = openStore();
    const openOver = (namespace: string) => openKeyv(major, { namespace }, store.withNamespace(namespace));
    return { store, users: openOver('app-users'), pages: openOver('app-pages') };
  };

  /** Checks that a read and a write fail with one error each. */
  const expectClosed = async (keyv: AnyKeyv) => {
    expect(await keyv.get('key')).toBeUndefined();
    expect(await keyv.set('key', 'late')).toBe(false);
    expect(takeErrorCodes()).toEqual(['DREDIS_CLOSED', 'DREDIS_CLOSED']);
  };

  test('over a store from withNamespace() keeps the original store and other namespaces open', async () => {
    const { store, users, pages } = openPair();
    await users.set('key', 'user');
    await users.disconnect();
    await expectClosed(users);
    expect(await pages.set('key', 'page')).toBe(true);
    expect(await pages.get('key')).toBe('page');
    expect(await store.set('key', 'value')).toBe(true);
    expect(await sharedRedis.keys()).toEqual(['app-pages:key', 'app-users:key', 'keyv:key']);
  });

  test('over the original store closes all stores from withNamespace()', async () => {
    const { store, users, pages } = openPair();
    const main = openKeyv(major, { namespace: 'app-main' }, store);
    await users.set('key', 'user');
    await main.disconnect();
    await expectClosed(users);
    await expectClosed(pages);
    await expectClosed(main);
  });
});
