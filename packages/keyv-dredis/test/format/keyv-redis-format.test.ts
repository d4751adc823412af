import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import KeyvRedis from '@keyv/redis';
import type { RedisServer } from 'redis-launcher';
import { DRedisStore, type DRedisStoreOptions, InvalidArgumentError } from '../../src/index.js';
import {
  connectClient,
  entriesOf,
  MAJORS,
  makeKeyv,
  onCleanUp,
  openKeyv,
  openStoreOver,
  rejection,
  startServer,
  takeErrorCodes,
} from '../support/index.js';

// What a store does with keyFormat: 'keyv-redis' apart from building keys, which test/keyv/keyv-redis.test.ts
// compares with @keyv/redis.

let server: RedisServer;
let client: Awaited<ReturnType<typeof connectClient>>;

beforeAll(async () => {
  server = await startServer();
  client = await connectClient(server.location);
});

beforeEach(() => client.flushAll());

const open = (options: DRedisStoreOptions = {}) =>
  openStoreOver([server.location], { keyFormat: 'keyv-redis', ...options });
const keys = async () => (await client.keys('*')).filter((key) => !key.startsWith('%dredis:')).sort();

describe('a namespace whose keys clear() of another namespace would remove is refused', () => {
  const message = /^A namespace must neither contain the separator "::" nor end with a part of it, .*, got "/;

  test.each(MAJORS)('if a %s passes it', (_title, major) => {
    const store = open();
    for (const namespace of ['a::b', 'a:']) {
      expect(() => makeKeyv(major, store, { namespace })).toThrow(InvalidArgumentError);
    }
    expect(store.namespace).toBeUndefined();
    const keyv = openKeyv(major, { namespace: 'a' }, store);
    expect(() => {
      keyv.namespace = 'a::b';
    }).toThrow(message);
    expect(store.namespace).toBe('a');
  });

  test('if withNamespace() or iterator() gets it', async () => {
    const store = open();
    expect(() => store.withNamespace('a::b')).toThrow(message);
    const listing = store.iterator('a::b').next();
    expect((await rejection(listing)).message).toMatch(message);
  });

  test('and clear() of a namespace keeps the keys of all accepted ones', async () => {
    const namespaces = ['a', 'a:b', ':a', 'a b', '%', 'a*', 'A', undefined];
    const original = open();
    const stores = namespaces.map((namespace) => original.withNamespace(namespace));
    for (const store of stores) await store.set('key', 'value');
    const all = await keys();
    expect(all).toEqual(['%::key', ':a::key', 'A::key', 'a b::key', 'a*::key', 'a::key', 'a:b::key', 'key']);
    for (const store of stores.filter(({ namespace }) => namespace !== undefined)) {
      expect((await entriesOf(store)).map(([key]) => key)).toEqual(['key']);
      await store.clear();
      expect(await keys()).toEqual(all.filter((key) => key !== `${store.namespace}::key`));
      await store.set('key', 'value');
    }
  });
});

test('without a namespace, the own keys of the store are refused, skipped and kept', async () => {
  const store = open({ ownsDatabase: true });
  await store.set('key', 'value');
  await store.set('app::key', 'value');
  const refused = await rejection(store.set('%dredis:run', 'value'));
  expect(refused).toBeInstanceOf(InvalidArgumentError);
  expect(refused.message).toMatch('must not begin with %dredis:');
  expect((await entriesOf(store)).map(([key]) => key)).toEqual(['app::key', 'key']);
  await store.clear();
  expect(await client.keys('*')).toContain('%dredis:run');
  expect(await keys()).toEqual([]);
});

test.each(MAJORS)('under %s, locate() takes the keys that Keyv takes', async (_title, major) => {
  const store = open();
  const keyv = openKeyv(major, { namespace: 'app' }, store);
  for (const key of ['key', 'app:other']) {
    await keyv.set(key, 1);
    expect(await client.exists(store.locate(key).key)).toBe(1);
  }
  const expected = major === 5 ? ['app::app:key', 'app::app:other'] : ['app::app:other', 'app::key'];
  expect(await keys()).toEqual(expected);
  expect(() => store.locate({} as unknown as string)).toThrow('A key must be a string, got object');
});

test('under Keyv 5 with useKeyPrefix: false, locate() adds the namespace once', async () => {
  for (const useKeyPrefix of [false, undefined]) {
    const store = open({ useKeyPrefix });
    await openKeyv(5, { namespace: 'app', useKeyPrefix: false }, store).set('key', 1);
    expect(store.locate('key').key).toBe('app::key');
    expect(await keys()).toEqual(['app::key']);
  }
});

test('two Keyvs with different namespaces over one store share the last namespace, and clear() is refused', async () => {
  const store = open();
  const [one, other] = [openKeyv(5, { namespace: 'one' }, store), openKeyv(5, { namespace: 'other' }, store)];
  await one.set('key', 1);
  await other.set('key', 2);
  // Over one KeyvRedis, the last namespace applies to both, too.
  expect(await keys()).toEqual(['other::one:key', 'other::other:key']);
  await one.clear();
  expect(takeErrorCodes()).toEqual(['DREDIS_NAMESPACE_AMBIGUOUS']);
});

test('strings and Buffers are read by @keyv/redis as if it had written them, and the other way round', async () => {
  const store = open({ namespace: 'app' });
  const theirs = new KeyvRedis(`redis://${server.location}`, { namespace: 'app' });
  onCleanUp(() => theirs.disconnect());
  const values = { text: 'ü', bytes: Buffer.from('ü'), binary: Buffer.from([0xff, 0, 1]), none: '' };
  for (const [key, value] of Object.entries(values)) {
    await theirs.set(key, value as string);
    const [written, read] = [await client.dump(`app::${key}`), await theirs.get(key)];
    // A Buffer that is UTF-8 comes back as a string, because nothing in Redis tells that it was a Buffer.
    expect(await store.get(key)).toEqual(key === 'binary' ? value : value.toString());
    await store.set(key, value);
    expect(await client.dump(`app::${key}`)).toEqual(written);
    expect(await theirs.get(key)).toEqual(read);
  }
});

test('store.namespace is not escaped, and the store shows no other name', () => {
  const store = new DRedisStore('localhost', { keyFormat: 'keyv-redis', namespace: 'a:b%' });
  makeKeyv(5, store, { namespace: 'a:b%' });
  expect(store.namespace).toBe('a:b%');
});
