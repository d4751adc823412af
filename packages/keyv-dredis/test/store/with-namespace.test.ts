import { beforeEach, describe, expect, test } from '@jest/globals';
import type { DRedisStore } from '../../src/index.js';
import { errorsOf, openStore, rejection, sharedLocations } from '../support/index.js';

let store: DRedisStore;
let users: DRedisStore;

beforeEach(() => {
  store = openStore({ namespace: 'app', commandTimeoutMs: 5000 });
  users = store.withNamespace('app:users');
});

describe('a store from withNamespace()', () => {
  test('has the same nodes and clients', () => {
    expect(users.nodes).toEqual(store.nodes);
    const keyOn = (node: string, of: DRedisStore) => {
      for (let number = 0; ; number++) if (of.locate(`${number}`).node === node) return `${number}`;
    };
    for (const node of store.nodes) {
      const { client } = store.locate(keyOn(node, store));
      expect(users.locate(keyOn(node, users)).client).toBe(client);
    }
  });

  test("neither reads nor clears the original store's keys", async () => {
    await store.set('key', 'of the store');
    await users.set('key', 'of the users');
    expect([await store.get('key'), await users.get('key')]).toEqual(['of the store', 'of the users']);
    expect(users.namespace).toBe('app:users');
    expect(store.namespace).toBe('app');
    await users.clear();
    expect([await store.get('key'), await users.get('key')]).toEqual(['of the store', undefined]);
  });

  test("can change its namespace without changing the original store's namespace", async () => {
    users.namespace = 'app-other';
    expect(store.namespace).toBe('app');
    expect(users.locate('key').key).toBe('app-other:key');
    expect(store.locate('key').key).toBe('app:key');
  });

  test('has no namespace if none is passed', () => {
    expect(store.withNamespace().namespace).toBeUndefined();
    expect(store.withNamespace().locate('key').key).toBe('keyv:key');
    expect(store.withNamespace(undefined).locate('key').key).toBe('keyv:key');
  });

  test('also has withNamespace(), which uses the same connections', () => {
    const third = users.withNamespace('app-third');
    expect(third.locate('key').key).toBe('app-third:key');
    expect(third.nodes).toEqual(store.nodes);
  });

  test('emits no error if a call rejects', async () => {
    const errors = errorsOf(store);
    const usersErrors = errorsOf(users);
    expect((await rejection(users.get('\ud800'))).code).toBe('DREDIS_INVALID_ARGUMENT');
    expect([errors, usersErrors]).toEqual([[], []]);
  });

  test('shares its nodes with the original store after updateNodes() on either', async () => {
    const [first, second] = sharedLocations() as [string, string];
    await store.updateNodes([first]);
    expect(users.nodes).toEqual([first]);
    await users.updateNodes([first, second]);
    expect(store.nodes).toEqual([first, second]);
  });

  test('answers reads from the tick in which the original store is disconnected', async () => {
    await users.set('key', 'of the users');
    const reads = [users.get('key'), users.getMany(['key'])];
    const disconnected = store.disconnect();
    expect(await Promise.all(reads)).toEqual(['of the users', ['of the users']]);
    await disconnected;
  });
});

describe('disconnect()', () => {
  test('on a store from withNamespace() keeps the original store open', async () => {
    await store.set('key', 'value');
    await users.disconnect();
    expect((await rejection(users.get('key'))).code).toBe('DREDIS_CLOSED');
    expect(() => users.locate('key')).toThrow(expect.objectContaining({ code: 'DREDIS_CLOSED' }));
    expect(await store.get('key')).toBe('value');
  });

  test('on a store from withNamespace() keeps other namespaces open', async () => {
    const pages = store.withNamespace('app-pages');
    await users[Symbol.asyncDispose]();
    expect(await pages.set('key', 'value')).toBe(true);
    await pages.clear();
  });

  test('on the original store closes all stores from withNamespace()', async () => {
    await store.disconnect();
    expect((await rejection(users.get('key'))).code).toBe('DREDIS_CLOSED');
    expect((await rejection(users.connect())).code).toBe('DREDIS_CLOSED');
    await users.disconnect();
  });
});

test('withNamespace() refuses invalid namespaces', () => {
  const wrong = (namespace: unknown) => () => store.withNamespace(namespace as never);
  const expected = 'A namespace must be a string of well-formed Unicode, or undefined';
  expect(wrong(1)).toThrow(`${expected}, got number`);
  expect(wrong(null)).toThrow(`${expected}, got null`);
  expect(wrong({ namespace: 'users' })).toThrow(`${expected}, got object`);
  expect(wrong('lone \ud800')).toThrow(`${expected}, got "lone \\ud800"`);
});
