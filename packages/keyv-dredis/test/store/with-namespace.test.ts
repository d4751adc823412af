import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DRedisStore } from '../../src/index.js';
import { sharedLocations } from '../support/servers.js';
import { errorsOf, rejection } from '../support/stores.js';

let store: DRedisStore;
let fork: DRedisStore;

beforeEach(async () => {
  store = new DRedisStore(sharedLocations(), { namespace: 'fork-test', commandTimeoutMs: 5000 });
  fork = store.withNamespace('fork-test:fork');
  await store.clear();
  await fork.clear();
});

afterEach(() => store.disconnect());

test('has the same nodes and the same clients', () => {
  expect(fork.nodes).toEqual(store.nodes);
  const keyOf = (of: DRedisStore, node: string) => {
    for (let number = 0; ; number++) if (of.locate(`${number}`).node === node) return `${number}`;
  };
  for (const node of store.nodes) {
    expect(fork.locate(keyOf(fork, node)).client).toBe(store.locate(keyOf(store, node)).client);
  }
});

test('has a namespace of its own: neither sees nor clears what is the other’s', async () => {
  await store.set('key', 'of the store');
  await fork.set('key', 'of the fork');
  expect([await store.get('key'), await fork.get('key')]).toEqual(['of the store', 'of the fork']);
  expect(fork.namespace).toBe('fork-test:fork');
  expect(store.namespace).toBe('fork-test');
  await fork.clear();
  expect([await store.get('key'), await fork.get('key')]).toEqual(['of the store', undefined]);
});

test('changes its namespace alone', async () => {
  fork.namespace = 'fork-test-other';
  expect(store.namespace).toBe('fork-test');
  expect(fork.locate('key').key).toBe('fork-test-other:key');
  expect(store.locate('key').key).toBe('fork-test:key');
});

test('without a namespace has that of none', () => {
  expect(store.withNamespace().namespace).toBeUndefined();
  expect(store.withNamespace().locate('key').key).toBe('keyv:key');
  expect(store.withNamespace(undefined).locate('key').key).toBe('keyv:key');
});

test('of a fork is one more over the same connections', () => {
  const grandchild = fork.withNamespace('fork-test-third');
  expect(grandchild.locate('key').key).toBe('fork-test-third:key');
  expect(grandchild.nodes).toEqual(store.nodes);
});

test('tells of its own failures', async () => {
  const errors = errorsOf(store);
  const forkErrors = errorsOf(fork);
  expect((await rejection(fork.get('\ud800'))).code).toBe('DREDIS_INVALID_ARGUMENT');
  expect([errors, forkErrors]).toEqual([[], []]);
});

test('follows when the store goes over to other nodes, and can do so itself', async () => {
  const [first, second] = sharedLocations() as [string, string];
  await store.updateNodes([first]);
  expect(fork.nodes).toEqual([first]);
  await fork.updateNodes([first, second]);
  expect(store.nodes).toEqual([first, second]);
});

describe('disconnect()', () => {
  test('of the fork ends the fork alone', async () => {
    await store.set('key', 'value');
    await fork.disconnect();
    expect((await rejection(fork.get('key'))).code).toBe('DREDIS_CLOSED');
    expect(() => fork.locate('key')).toThrow(expect.objectContaining({ code: 'DREDIS_CLOSED' }));
    expect(await store.get('key')).toBe('value');
  });

  test('of one fork leaves another', async () => {
    const other = store.withNamespace('fork-test-other');
    await fork[Symbol.asyncDispose]();
    expect(await other.set('key', 'value')).toBe(true);
    await other.clear();
  });

  test('of the store ends its forks', async () => {
    await store.disconnect();
    expect((await rejection(fork.get('key'))).code).toBe('DREDIS_CLOSED');
    expect((await rejection(fork.connect())).code).toBe('DREDIS_CLOSED');
    await fork.disconnect();
  });
});

test('withNamespace() refuses what is not a namespace', () => {
  const wrong = (namespace: unknown) => () => store.withNamespace(namespace as never);
  const expected = 'A namespace must be a string of well-formed Unicode, or undefined';
  expect(wrong(1)).toThrow(`${expected}, got number`);
  expect(wrong(null)).toThrow(`${expected}, got null`);
  expect(wrong({ namespace: 'users' })).toThrow(`${expected}, got object`);
  expect(wrong('lone \ud800')).toThrow(`${expected}, got "lone \\ud800"`);
});

test('its reads of the same turn are still answered when the store is disconnected', async () => {
  await fork.set('key', 'of the fork');
  const reads = [fork.get('key'), fork.getMany(['key'])];
  const disconnected = store.disconnect();
  expect(await Promise.all(reads)).toEqual(['of the fork', ['of the fork']]);
  await disconnected;
});
