import { beforeEach, describe, expect, test } from '@jest/globals';
import { type AnyKeyv, MAJORS, NAMESPACES, workbench } from './support/keyvs.js';

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
