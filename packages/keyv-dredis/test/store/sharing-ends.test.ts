import { describe, expect, test } from '@jest/globals';
import { type AnyKeyv, entriesOf, MAJORS, workbench } from '../support/keyvs.js';
import { runProgram } from '../support/program.js';
import { sharedLocations } from '../support/servers.js';

// What sharing.test.ts leaves: the warning as a process gets it, who may disconnect, and stores that change
// hands.

const bench = workbench(4);
const { openStore, openKeyv, errors } = bench;

const codesTold = () => errors.splice(0).map((error) => (error as { code?: string }).code);

test.each([
  ['Keyv 5', 'keyv5'],
  ['Keyv 6', 'keyv'],
])('a process with two %s over one store gets one warning, which says what to do', async (_title, name) => {
  const { code, output } = await runProgram(
    sharedLocations(),
    `
    import { Keyv } from ${JSON.stringify(import.meta.resolve(name))};
    process.on('warning', ({ name, code, message }) => console.log('warned', name, code, message));
    const store = new DRedisStore(locations);
    for (const namespace of ['contract-1', 'contract-2', 'contract-3']) new Keyv({ store, namespace });
    const apart = new DRedisStore(locations);
    for (const namespace of ['contract-1', 'contract-2']) new Keyv({ store: apart.withNamespace(namespace), namespace });
    await Promise.all([store.disconnect(), apart.disconnect()]);`,
  );
  expect(code).toBe(0);
  expect(output.match(/^warned .*/gm)).toEqual([
    expect.stringMatching(/^warned DRedisWarning DREDIS_SHARED_STORE .*store\.withNamespace\(namespace\)/),
  ]);
});

describe.each(MAJORS)('under %s', (_title, major) => {
  const openPair = () => {
    const store = openStore();
    const keyvOf = (namespace: string) => openKeyv(major, { namespace }, store.withNamespace(namespace));
    return { store, users: keyvOf('contract-users'), pages: keyvOf('contract-pages') };
  };

  /** Reads and writes are refused, and each is told once. */
  const expectClosed = async (keyv: AnyKeyv) => {
    expect(await keyv.get('key')).toBeUndefined();
    expect(await keyv.set('key', 'late')).toBe(false);
    expect(codesTold()).toEqual(['DREDIS_CLOSED', 'DREDIS_CLOSED']);
  };

  test('a Keyv over a fork that disconnects leaves the store and the other forks', async () => {
    const { store, users, pages } = openPair();
    await users.set('key', 'user');
    await users.disconnect();
    await expectClosed(users);
    expect(await pages.set('key', 'page')).toBe(true);
    expect(await pages.get('key')).toBe('page');
    expect(await store.set('key', 'value')).toBe(true);
    expect(await bench.redis.keys('')).toEqual(['contract-pages:key', 'contract-users:key', 'keyv:key']);
  });

  test('a Keyv over the store itself that disconnects ends all forks', async () => {
    const { store, users, pages } = openPair();
    const main = openKeyv(major, { namespace: 'contract-main' }, store);
    await users.set('key', 'user');
    await main.disconnect();
    await expectClosed(users);
    await expectClosed(pages);
    await expectClosed(main);
  });

  test('a store that a Keyv is given later serves it as if from the beginning', async () => {
    const keyv = openKeyv(major, { namespace: 'contract:later' });
    (keyv as unknown as { store: unknown }).store = openStore();
    await keyv.set('key', 'value', 60_000);
    expect(await bench.redis.keys('')).toEqual(['contract%3Alater:key']);
    expect(await bench.redis.ttlMs('contract%3Alater:key')).toBeGreaterThan(50_000);
    expect(await entriesOf(keyv)).toEqual([['key', 'value']]);
    await keyv.clear();
    expect(await bench.redis.keys('')).toEqual([]);
  });

  test('two Keyvs over one store: each write of either is in Redis, none is gone by clear()', async () => {
    const store = openStore();
    const users = openKeyv(major, { namespace: 'contract-users' }, store);
    await users.set('before', 1);
    const pages = openKeyv(major, { namespace: 'contract-pages' }, store);
    await users.set('after', 2, 60_000);
    await pages.set('own', 3, 60_000);
    // Keyv 5 says with each key whose it is; Keyv 6 does not, and the last namespace holds for both.
    const where = major === 5 ? 'contract-users' : 'contract-pages';
    const stored = ['contract-pages:own', `${where}:after`, 'contract-users:before'].sort();
    expect(await bench.redis.keys('')).toEqual(stored);
    expect(await users.get('after')).toBe(2);
    expect(await bench.redis.ttlMs(`${where}:after`)).toBeGreaterThan(50_000);
    await users.clear();
    await pages.clear();
    expect(codesTold()).toEqual(['DREDIS_NAMESPACE_AMBIGUOUS', 'DREDIS_NAMESPACE_AMBIGUOUS']);
    expect(await bench.redis.keys('')).toEqual(stored);
  });
});

test.each([
  [5, 6],
  [6, 5],
] as const)('a store that goes from a Keyv %i to a Keyv %i speaks to the latter', async (first, second) => {
  const store = openStore();
  await openKeyv(first, { namespace: 'contract:both' }, store).set('first', 1, 60_000);
  const keyv = openKeyv(second, { namespace: 'contract:both' }, store);
  await keyv.set('second', 2, 60_000);
  expect(await bench.redis.keys('')).toEqual(['contract%3Aboth:first', 'contract%3Aboth:second']);
  for (const key of ['first', 'second']) {
    const left = await bench.redis.ttlMs(`contract%3Aboth:${key}`);
    expect(left).toBeGreaterThan(50_000);
    expect(left).toBeLessThanOrEqual(60_001);
  }
  expect(await keyv.getMany(['first', 'second'])).toEqual([1, 2]);
  await keyv.clear();
  expect(await bench.redis.keys('')).toEqual([]);
});
