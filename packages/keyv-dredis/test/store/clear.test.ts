import { beforeEach, describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { startRedis } from 'redis-launcher';
import { DRedisStore } from '../../src/index.js';
import { type AnyKeyv, MAJORS, makeKeyv, NAMESPACES, workbench } from '../support/keyvs.js';
import { rejection } from '../support/stores.js';

const bench = workbench(11);
const { openStore, openKeyv, errors } = bench;

const keysInRedis = () => bench.redis.keys('');

/** Each, read as a pattern or as a prefix, takes in keys of others of them. */
const NEIGHBOURS = [
  'contract',
  'contract2',
  'contrac',
  'contract:',
  'contract:b',
  'contract%3Ab',
  'contract*',
  'contract?',
  'contract[a-z]',
  'contract\\',
  'keyv',
  'keyv:keyv',
];

describe.each(MAJORS)('under %s', (_major, major) => {
  test.each(NEIGHBOURS)('%j is cleared alone', async (namespace) => {
    const keyvs = NEIGHBOURS.map((namespace) => openKeyv(major, { namespace }));
    const entries = Array.from({ length: 8 }, (_, number) => ({ key: `b:${number}`, value: namespace }));
    await Promise.all(keyvs.map((keyv) => keyv.setMany(entries)));
    const prefix = `${namespace.replaceAll('%', '%25').replaceAll(':', '%3A')}:`;
    const others = (await keysInRedis()).filter((key) => !key.startsWith(prefix));
    expect(others).toHaveLength((NEIGHBOURS.length - 1) * entries.length);
    expect(await (keyvs[NEIGHBOURS.indexOf(namespace)] as AnyKeyv).clear()).toBeUndefined();
    expect(await keysInRedis()).toEqual(others);
  });

  describe.each(NAMESPACES)('with %s', (_title, namespace, prefix) => {
    let store: DRedisStore;
    let keyv: AnyKeyv;

    beforeEach(() => {
      store = openStore({ scanCount: 10 });
      keyv = openKeyv(major, { namespace }, store);
    });

    test('many pages, on every server', async () => {
      await keyv.setMany(Array.from({ length: 500 }, (_, number) => ({ key: `${number}`, value: number })));
      await openKeyv(major, { namespace: 'contract-neighbour' }).set('key', 'value');
      await keyv.clear();
      expect(await keysInRedis()).toEqual(['contract-neighbour:key']);
    });

    test('lists, hashes and counters under the prefix too, and those beside it not', async () => {
      for (const name of ['list', 'hash', 'counter']) {
        const { client, key } = store.locate(name);
        if (name === 'list') await client.rPush(key, ['a', 'b']);
        if (name === 'hash') await client.hSet(key, 'field', 'a');
        if (name === 'counter') await client.incr(key);
      }
      const { client } = store.locate('any');
      await client.rPush('contract-list', 'a');
      expect(await keysInRedis()).toHaveLength(4);
      await keyv.clear();
      expect(await keysInRedis()).toEqual(['contract-list']);
    });

    test('what servers hold that do not own it', async () => {
      const keys = ['a', 'b', 'c'];
      const clients = new Set(Array.from({ length: 100 }, (_, number) => store.locate(`${number}`).client));
      for (const client of clients) {
        for (const key of keys) await client.set(prefix + key, 'left over');
      }
      expect(await keysInRedis()).toHaveLength(keys.length * store.nodes.length);
      await keyv.clear();
      expect(await keysInRedis()).toEqual([]);
    });

    test('nothing at all', async () => {
      expect(await keyv.clear()).toBeUndefined();
    });
  });

  describe('keyFormat raw', () => {
    test('without a namespace: refused, told once, and nothing is gone', async () => {
      const keyv = openKeyv(major, { namespace: undefined }, openStore({ keyFormat: 'raw' }));
      await keyv.set('contract-raw', 'value');
      await keyv.clear();
      expect(errors.splice(0)).toEqual([expect.objectContaining({ code: 'DREDIS_CLEAR_REFUSED' })]);
      expect(await keysInRedis()).toEqual(['contract-raw']);
    });

    test('with a namespace: clears it', async () => {
      const keyv = openKeyv(major, { namespace: 'contract' }, openStore({ keyFormat: 'raw' }));
      await keyv.set('key', 'value');
      await openStore({ keyFormat: 'raw' }).set('contract-raw', 'value');
      await keyv.clear();
      expect(await keysInRedis()).toEqual(['contract-raw']);
    });

    test('where every key is the store’s: clears the database, and that one alone', async () => {
      await using servers = await startRedis({ count: 2 });
      await using store = new DRedisStore(servers.locations, {
        keyFormat: 'raw',
        ownsDatabase: true,
        database: 1,
      });
      const keyv = makeKeyv(major, store, { namespace: undefined });
      const clients = await Promise.all(
        servers.locations.map((location) => createClient({ url: `redis://${location}/1` }).connect()),
      );
      try {
        for (const client of clients) await client.set('*any:key', 'value');
        await clients[0]?.select(0);
        await clients[0]?.set('other database', 'value');
        await keyv.set('key', 'value');
        await keyv.clear();
        expect(await clients[0]?.dbSize()).toBe(1);
        await clients[0]?.select(1);
        // But for what the store keeps of its own.
        const left = (await Promise.all(clients.map((client) => client.keys('*')))).flat();
        expect(left.filter((key) => !key.startsWith('%dredis:'))).toEqual([]);
      } finally {
        await Promise.all(clients.map((client) => client.close()));
      }
    });
  });
});

test('a server that matches more than the pattern says loses nothing of it', async () => {
  const store = openStore({ namespace: 'contract' });
  await store.set('key', 'value');
  const { client } = store.locate('key');
  await client.set('contrac-neighbour', 'value');
  const send = client.sendCommand.bind(client);
  client.sendCommand = ((args: string[], options: never) =>
    send(args[0] === 'SCAN' ? ['SCAN', '0'] : args, options)) as never;
  const keys: string[] = [];
  for await (const [key] of store.iterator()) keys.push(key);
  expect(keys).toEqual(['key']);
  await store.clear();
  expect(await keysInRedis()).toEqual(['contrac-neighbour']);
});

test('without Keyv, a refused clear() rejects', async () => {
  const error = await rejection(openStore({ keyFormat: 'raw' }).clear());
  expect(error).toMatchObject({ name: 'DRedisError', code: 'DREDIS_CLEAR_REFUSED' });
  expect(error.message).toContain('ownsDatabase');
});
