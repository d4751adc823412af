import { beforeEach, describe, expect, test } from '@jest/globals';
import type { DRedisStore } from '../../src/index.js';
import { type AnyKeyv, MAJORS, NAMESPACES, workbench } from '../support/keyvs.js';

// Calls over many keys: results in the order of the keys, duplicates and all, and booleans as each Keyv
// wants them.

const bench = workbench(9);
const { openStore, openKeyv } = bench;

/** Enough that every server has some. */
const KEYS = Array.from({ length: 200 }, (_, number) => `key-${number}`);
const backwards = [...KEYS].reverse();

describe.each(MAJORS)('under %s', (_major, major) => {
  describe.each(NAMESPACES)('with %s', (_title, namespace) => {
    let keyv: AnyKeyv;

    beforeEach(() => {
      keyv = openKeyv(major, { namespace });
    });

    const setAll = () => keyv.setMany(KEYS.map((key) => ({ key, value: `value of ${key}` })));

    test('setMany answers per entry, and all servers hold a part', async () => {
      expect(await setAll()).toEqual(KEYS.map(() => true));
      for (const keys of await bench.redis.keysByServer('')) expect(keys.length).toBeGreaterThan(0);
    });

    test('setMany with and without expiries in one call', async () => {
      const entries = KEYS.map((key, index) =>
        index % 2 ? { key, value: index } : { key, value: index, ttl: 60_000 },
      );
      expect(await keyv.setMany(entries)).toEqual(KEYS.map(() => true));
      expect(await keyv.getMany(KEYS)).toEqual(KEYS.map((_, index) => index));
    });

    test.each([
      ['without expiries', undefined],
      ['with expiries', 60_000],
    ])('setMany of a key twice keeps the later value, %s', async (_how, ttl) => {
      const entries = [...KEYS, ...KEYS].map((key, index) => ({
        key,
        value: index,
        ...(ttl === undefined ? {} : { ttl }),
      }));
      expect(await keyv.setMany(entries)).toEqual(entries.map(() => true));
      expect(await keyv.getMany(KEYS)).toEqual(KEYS.map((_, index) => index + KEYS.length));
    });

    test('getMany has the values where the keys are', async () => {
      await setAll();
      expect(await keyv.getMany(KEYS)).toEqual(KEYS.map((key) => `value of ${key}`));
      expect(await keyv.getMany(backwards)).toEqual(backwards.map((key) => `value of ${key}`));
    });

    test('getMany of hits, misses and duplicates', async () => {
      await setAll();
      const keys = KEYS.flatMap((key) => [key, `no ${key}`, 'key-7']);
      expect(await keyv.getMany(keys)).toEqual(
        keys.map((key) => (key.startsWith('no') ? undefined : `value of ${key}`)),
      );
    });

    test('many gets at once: each its own', async () => {
      await setAll();
      const keys = [...backwards, 'none', 'key-7', 'none'];
      expect(await Promise.all(keys.map((key) => keyv.get(key)))).toEqual(
        keys.map((key) => (key === 'none' ? undefined : `value of ${key}`)),
      );
    });

    test('hasMany answers per key, has for one', async () => {
      await setAll();
      const keys = KEYS.flatMap((key) => [`no ${key}`, key, key]);
      expect(await keyv.hasMany(keys)).toEqual(keys.map((key) => !key.startsWith('no')));
      expect([await keyv.has('key-7'), await keyv.has('none')]).toEqual([true, false]);
    });

    test('a key that holds a list has no value', async () => {
      const store = openStore();
      const list = openKeyv(major, { namespace }, store);
      const { client, key } = store.locate('list');
      await client.rPush(key, ['a', 'b']);
      await list.set('text', 'value');
      expect(await list.getMany(['list', 'text'])).toEqual([undefined, 'value']);
      expect(await list.get('list')).toBeUndefined();
    });
  });
});

test.each(MAJORS)('under %s a call is one command for each server', async (_title, major) => {
  const store = openStore();
  const keyv = openKeyv(major, { namespace: 'contract' }, store);
  const sent: string[] = [];
  for (const key of KEYS) {
    const { node, client } = store.locate(key);
    if (Object.hasOwn(client, 'sendCommand')) continue;
    const send = client.sendCommand.bind(client);
    client.sendCommand = ((args: string[], options: never) => {
      sent.push(`${args[0]} to ${node}`);
      return send(args, options);
    }) as never;
  }
  await store.connect();
  sent.length = 0;
  const onEach = (command: string) => store.nodes.map((node) => `${command} to ${node}`).sort();
  await keyv.setMany(KEYS.map((key) => ({ key, value: 1 })));
  expect(sent.splice(0).sort()).toEqual(onEach('MSET'));
  await keyv.getMany([...KEYS, ...KEYS]);
  expect(sent.splice(0).sort()).toEqual(onEach('MGET'));
  await Promise.all(KEYS.map((key) => keyv.get(key)));
  expect(sent.splice(0).sort()).toEqual(onEach('MGET'));
});

describe('delete and deleteMany', () => {
  test('under Keyv 6 deleteMany answers per key, for the first of duplicates', async () => {
    const keyv = openKeyv(6, { namespace: 'contract' });
    await keyv.setMany(KEYS.map((key) => ({ key, value: 1 })));
    const keys = ['none', ...backwards, 'key-7'];
    expect(await keyv.deleteMany(keys)).toEqual([false, ...KEYS.map(() => true), false]);
    expect(await bench.redis.keys('contract')).toEqual([]);
  });

  test('under Keyv 5 deleteMany answers once: whether all were there', async () => {
    const keyv = openKeyv(5, { namespace: 'contract' });
    const entries = KEYS.map((key) => ({ key, value: 1 }));
    await keyv.setMany(entries);
    expect(await keyv.deleteMany(KEYS)).toBe(true);
    expect(await bench.redis.keys('contract')).toEqual([]);
    await keyv.setMany(entries);
    expect(await keyv.deleteMany(['none', ...KEYS])).toBe(false);
    expect(await bench.redis.keys('contract')).toEqual([]);
    expect(await keyv.deleteMany(KEYS)).toBe(false);
    expect(await keyv.deleteMany([])).toBe(true);
  });

  test.each(MAJORS)('under %s delete says whether there was something', async (_title, major) => {
    const keyv = openKeyv(major, { namespace: 'contract' });
    await keyv.set('key', 1);
    expect([await keyv.delete('key'), await keyv.delete('key')]).toEqual([true, false]);
  });
});

// What it means is decided when it is made, and nothing is sent of one that is refused.
describe('a call over so many keys that it goes out in steps', () => {
  const MANY = Array.from({ length: 5000 }, (_, number) => `key-${number}`);
  const entries = MANY.map((key) => ({ key, value: `value of ${key}` }));

  let store: DRedisStore;

  beforeEach(() => {
    store = bench.openStore({ namespace: 'contract', commandTimeoutMs: 20_000 });
  });

  test('all of it is stored, found and removed', async () => {
    expect(await store.setMany(entries)).toEqual(MANY.map(() => true));
    expect(await store.getMany(MANY)).toEqual(entries.map(({ value }) => value));
    expect(await store.hasMany([...MANY, 'none'])).toEqual([...MANY.map(() => true), false]);
    expect(await store.deleteMany(['none', ...MANY])).toEqual([false, ...MANY.map(() => true)]);
    expect(await bench.redis.keys('contract:')).toEqual([]);
  });

  test('the later of two entries with one key stays, steps apart', async () => {
    await store.setMany([...entries, { key: 'key-7', value: 'later' }]);
    expect(await store.get('key-7')).toBe('later');
  });

  test('the event loop turns while it is prepared and sent', async () => {
    let turns = 0;
    let ended = false;
    const count = () => {
      turns += 1;
      if (!ended) setImmediate(count);
    };
    setImmediate(count);
    await store.setMany(entries);
    ended = true;
    expect(turns).toBeGreaterThanOrEqual((2 * MANY.length) / 1000 - 1);
  });

  test('keys go to the namespace of its beginning', async () => {
    const stored = store.setMany(entries);
    store.namespace = 'contract-later';
    await stored;
    expect(await bench.redis.keys('contract-later:')).toEqual([]);
    expect(await bench.redis.keys('contract:')).toHaveLength(MANY.length);
  });

  test('the keys of its beginning are meant, whatever becomes of the array', async () => {
    const mutable = [...entries];
    const stored = store.setMany(mutable);
    mutable.fill({ key: 'other', value: 'other' });
    await stored;
    expect(await store.getMany(MANY)).toEqual(entries.map(({ value }) => value));
    expect(await store.has('other')).toBe(false);
  });

  describe('of a call with a last key that is not allowed', () => {
    const badKeys = [...MANY, 7 as never];

    test('nothing is sent', async () => {
      const refused = { code: 'DREDIS_INVALID_ARGUMENT' };
      await expect(store.setMany(badKeys.map((key) => ({ key, value: 'v' })))).rejects.toMatchObject(refused);
      await expect(store.setMany([...entries, { key: 'k', value: {} }])).rejects.toMatchObject(refused);
      expect(await bench.redis.keys('contract:')).toEqual([]);
      await store.set('key-0', 'value');
      for (const call of [store.getMany(badKeys), store.hasMany(badKeys), store.deleteMany(badKeys)]) {
        await expect(call).rejects.toMatchObject(refused);
      }
      expect(await store.get('key-0')).toBe('value');
    });
  });

  test('a read of the same turn that came before it has the value of before', async () => {
    await store.set('key-4999', 'before');
    const read = store.get('key-4999');
    const written = store.setMany(entries);
    expect(await read).toBe('before');
    await written;
    expect(await store.get('key-4999')).toBe('value of key-4999');
  });
});
