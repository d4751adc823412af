import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import type { RedisServers } from 'redis-launcher';
import type { DRedisStore } from '../../src/index.js';
import {
  connectClient,
  keysOf,
  onCleanUp,
  openKeyv,
  openStore,
  openStoreOver,
  recordCommands,
  sharedLocations,
  sharedRedis,
  startBlackHole,
  startServers,
  useSharedDatabase,
} from '../support/index.js';

// Reads wait until the end of the tick to be sent as a batch. A later write must not overtake them.

const MANY = Array.from({ length: 5000 }, (_, number) => `many-${number}`);
const entriesWith = (value: string, keys = MANY) => keys.map((key) => ({ key, value }));

let store: DRedisStore;

beforeEach(async () => {
  store = openStore({ namespace: 'app' });
  await store.setMany(['a', 'b'].map((key) => ({ key, value: 'old' })));
});

describe('a read does not see the effect of a later call in the same tick:', () => {
  test.each<[string, () => Promise<unknown>]>([
    ['set', () => store.set('a', 'new')],
    ['setMany', () => store.setMany([{ key: 'a', value: 'new' }])],
    ['delete', () => store.delete('a')],
    ['deleteMany', () => store.deleteMany(['b', 'a'])],
    ['clear', () => store.clear()],
    ['set with an expiry', () => store.set('a', 'new', Date.now() + 60_000)],
  ])('get() before %s', async (_name, write) => {
    const read = store.get('a');
    const written = write();
    expect(await read).toBe('old');
    await written;
  });

  test('several get() calls and getMany() before set()', async () => {
    const reads = [store.get('b'), store.get('a'), store.getMany(['a', 'b'])];
    const written = store.set('a', 'new');
    expect(await Promise.all(reads)).toEqual(['old', 'old', ['old', 'old']]);
    await written;
    const many = store.getMany(['b', 'a']);
    const deleted = store.delete('a');
    expect(await many).toEqual(['old', 'new']);
    await deleted;
  });

  test('get() before delete() under Keyv', async () => {
    const keyv = openKeyv(6, { namespace: 'app' }, store.withNamespace('app'));
    await keyv.set('taken', 1);
    expect(await Promise.all([keyv.get('taken'), keyv.delete('taken')])).toEqual([1, true]);
  });
});

test('a get() does not see a later set(), even with calls in another namespace in between', async () => {
  const other = store.withNamespace('app-other');
  const reads = [store.get('a'), other.get('b'), store.get('b')];
  const written = store.set('a', 'new');
  expect(await Promise.all(reads)).toEqual(['old', undefined, 'old']);
  await written;
});

test('a get() sees an earlier set() in the same tick', async () => {
  const written = store.set('a', 'new');
  expect(await store.get('a')).toBe('new');
  await written;
});

test('writes that wait for a connection are sent in order, before writes made once it is ready', async () => {
  const client = createClient({ url: `redis://${sharedLocations()[0]}`, database: useSharedDatabase() });
  client.on('error', () => undefined);
  onCleanUp(() => client.close());
  const external = openStoreOver([client as never], { namespace: 'app' });
  const first = external.set('key', 'first');
  const second = new Promise((resolve) => {
    client.once('ready', () => resolve(external.set('key', 'second')));
  });
  await Promise.all([first, second]);
  expect(await external.get('key')).toBe('second');
});

describe('a later call does not overtake a call that takes several steps:', () => {
  /** One key in the first chunk, and keys in later chunks. */
  const SOME = ['many-0', 'many-1500', 'many-3333', 'many-4999'];
  const valuesOf = async (keys = SOME) => (await openStore({ namespace: 'app' }).getMany(keys)) as unknown[];
  const all = (value: unknown, keys = SOME) => keys.map(() => value);

  beforeEach(() => {
    store = openStore({ namespace: 'app', commandTimeoutMs: 20_000 });
  });

  // Regression: the last chunks of a large setMany() overwrote the values of a later set().
  describe.each<[string, (turn: Promise<unknown>) => Promise<unknown>]>([
    ['in the same tick', async () => undefined],
    ['one turn of the event loop later', () => new Promise((resolve) => setImmediate(resolve))],
    ['once the call is sending its chunks', () => new Promise((resolve) => setTimeout(resolve, 10))],
  ])('%s,', (_when, wait) => {
    test.each<[string, () => Promise<unknown>, unknown]>([
      ['set()', () => Promise.all(SOME.map((key) => store.set(key, 'later'))), 'later'],
      ['setMany()', () => store.setMany(entriesWith('later', SOME)), 'later'],
      ['setMany() of many keys', () => store.setMany(entriesWith('later', [...MANY].reverse())), 'later'],
      ['delete()', () => Promise.all(SOME.map((key) => store.delete(key))), undefined],
      ['deleteMany()', () => store.deleteMany(SOME), undefined],
      ['deleteMany() of many keys', () => store.deleteMany([...MANY].reverse()), undefined],
      ['clear()', () => store.clear(), undefined],
    ])('setMany() of many keys, then %s', async (_name, write, expected) => {
      const first = store.setMany(entriesWith('first'));
      await wait(first);
      const later = write();
      expect(await first).toEqual(all(true, MANY));
      await later;
      expect(await valuesOf()).toEqual(all(expected));
    });

    test.each<[string, () => Promise<unknown>]>([
      ['set()', () => Promise.all(SOME.map((key) => store.set(key, 'later')))],
      ['setMany()', () => store.setMany(entriesWith('later', SOME))],
      ['setMany() of many keys', () => store.setMany(entriesWith('later', [...MANY].reverse()))],
    ])('deleteMany() of many keys, then %s', async (_name, write) => {
      await store.setMany(entriesWith('before'));
      const first = store.deleteMany(MANY);
      await wait(first);
      const later = write();
      expect(await first).toEqual(all(true, MANY));
      await later;
      expect(await valuesOf()).toEqual(all('later'));
    });

    test.each<[string, () => Promise<unknown>]>([
      ['set()', () => Promise.all(SOME.map((key) => store.set(key, 'later')))],
      ['setMany()', () => store.setMany(entriesWith('later', SOME))],
      ['setMany() of many keys', () => store.setMany(entriesWith('later'))],
    ])('clear(), then %s', async (_name, write) => {
      await store.setMany(entriesWith('before'));
      const clearing = openStore({ namespace: 'app', scanCount: 10 });
      await clearing.connect();
      store = clearing;
      const cleared = store.clear();
      await wait(cleared);
      await write();
      await cleared;
      expect(await valuesOf()).toEqual(all('later'));
      expect(await valuesOf(['many-7'])).toEqual([_name.includes('of many') ? 'later' : undefined]);
    });
  });

  test('setMany() of many keys, then reads, which see the new values', async () => {
    const first = store.setMany(entriesWith('first'));
    const reads = [
      Promise.all(SOME.map((key) => store.get(key))),
      store.getMany(SOME),
      store.getMany([...MANY].reverse()),
      Promise.all(SOME.map((key) => store.has(key))),
      store.hasMany(SOME),
    ];
    expect(await Promise.all(reads)).toEqual([
      all('first'),
      all('first'),
      all('first', MANY),
      all(true),
      all(true),
    ]);
    await first;
  });

  test('setMany() of many keys, then iterator(), which yields all of them', async () => {
    const first = store.setMany(entriesWith('first'));
    const keys: string[] = [];
    for await (const [key] of store.iterator()) keys.push(key);
    expect(keys.filter((key) => key.startsWith('many-'))).toHaveLength(MANY.length);
    await first;
  });

  test('setMany() of many keys, then clear(), then set()', async () => {
    const first = store.setMany(entriesWith('first'));
    const cleared = store.clear();
    const later = store.set('many-3333', 'later');
    expect(await Promise.all([first, later])).toEqual([all(true, MANY), true]);
    await cleared;
    expect(await valuesOf()).toEqual([undefined, undefined, 'later', undefined]);
    expect(await sharedRedis.keys('app:')).toEqual(['app:many-3333']);
  });

  test('clear(), then get(), has() and delete(), which find nothing', async () => {
    await store.setMany(entriesWith('before'));
    const cleared = store.clear();
    const calls = [
      store.get('many-1'),
      store.has('many-2'),
      store.delete('many-3'),
      store.getMany(['many-4']),
    ];
    expect(await Promise.all(calls)).toEqual([undefined, false, false, [undefined]]);
    await cleared;
  });

  test('getMany() of many keys, then set(), which the read does not see', async () => {
    await store.setMany(entriesWith('before'));
    const read = store.getMany(MANY);
    const later = Promise.all(SOME.map((key) => store.set(key, 'later')));
    expect(await read).toEqual(all('before', MANY));
    await later;
    expect(await valuesOf()).toEqual(all('later'));
  });

  // Regression: the get() sent its part of the setMany() early, before the same part of the getMany().
  test('getMany() of many keys, then setMany() of the same keys, then get(): the first read sees old values', async () => {
    await store.setMany(entriesWith('before'));
    const read = store.getMany(MANY);
    const written = store.setMany(entriesWith('later'));
    expect(await Promise.all(SOME.map((key) => store.get(key)))).toEqual(all('later'));
    expect(await read).toEqual(all('before', MANY));
    await written;
  });

  // Regression: on a server without MSETEX, the get() sent entries of the first chunk again, after the clear().
  test('setMany() of many entries that expire, then clear(), then get(), which finds nothing', async () => {
    const [location] = sharedLocations() as [string];
    const single = openStoreOver([location], { database: useSharedDatabase(), namespace: 'app' });
    await single.connect();
    const sent = recordCommands(single.locate('any').client);
    const expires = Date.now() + 60_000;
    const first = single.setMany(entriesWith('first').map((entry) => ({ ...entry, expires })));
    const cleared = single.clear();
    while (!sent.some(([name]) => name === 'MSETEX')) await new Promise((resolve) => setImmediate(resolve));
    expect(await Promise.all(SOME.map((key) => single.get(key)))).toEqual(all(undefined));
    await Promise.all([first, cleared]);
    expect(await valuesOf()).toEqual(all(undefined));
  });

  test('a later call in another namespace does not change the earlier call', async () => {
    const other = store.withNamespace('app-other');
    const first = store.setMany(entriesWith('first'));
    await other.setMany(entriesWith('other', SOME));
    await first;
    expect(await valuesOf()).toEqual(all('first'));
    expect(await other.getMany(SOME)).toEqual(all('other'));
  });

  test('sends no entry early if an entry of the call is invalid', async () => {
    const entries = [...entriesWith('first'), { key: 'invalid', value: {} }];
    const first = store.setMany(entries as never);
    const later = store.set('many-3333', 'later');
    await expect(first).rejects.toMatchObject({ code: 'DREDIS_INVALID_ARGUMENT' });
    await later;
    expect(await sharedRedis.keys('app:many')).toEqual(['app:many-3333']);
  });

  test('sends each entry once, even if many later calls use its key', async () => {
    const [location] = sharedLocations() as [string];
    const single = openStoreOver([location], { database: useSharedDatabase(), namespace: 'once' });
    await single.connect();
    const sent = recordCommands(single.locate('any').client);
    const first = single.setMany(entriesWith('first'));
    await Promise.all([single.get('many-1500'), single.has('many-1500'), single.get('many-1500')]);
    await first;
    const written = sent
      .filter(([name]) => name === 'MSET' || name === 'SET')
      .flatMap((args) => args.slice(1));
    expect(written.filter((word) => word.startsWith('once:'))).toHaveLength(MANY.length);
  });

  test('in random order, all calls for a key are applied in the order in which they were made', () =>
    expectOrderOfRandomCalls(store));
});

/** @param reader reads what is stored in the end @default the same store */
async function expectOrderOfRandomCalls(store: DRedisStore, reader = store): Promise<void> {
  await store.setMany(entriesWith('start'));
  const model = new Map(MANY.map((key) => [key, 'start']));
  const calls: Promise<unknown>[] = [];
  const reads: [Promise<unknown>, string | undefined][] = [];
  let seed = 12;
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    return seed % below;
  };
  for (let step = 0; step < 400; step += 1) {
    const key = MANY[random(MANY.length)] as string;
    const value = `step ${step}`;
    const from = random(MANY.length - 2500);
    const part = MANY.slice(from, from + 2500);
    const kind = random(100);
    if (kind < 4) {
      calls.push(store.setMany(entriesWith(value, part)));
      for (const each of part) model.set(each, value);
    } else if (kind < 6) {
      calls.push(store.deleteMany(part));
      for (const each of part) model.delete(each);
    } else if (kind < 7) {
      calls.push(store.clear());
      model.clear();
    } else if (kind < 40) {
      calls.push(store.set(key, value));
      model.set(key, value);
    } else if (kind < 50) {
      calls.push(store.delete(key));
      model.delete(key);
    } else {
      reads.push([store.get(key), model.get(key)]);
    }
    if (random(5) === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(calls);
  for (const [read, expected] of reads) expect(await read).toBe(expected);
  expect(await reader.getMany(MANY)).toEqual(MANY.map((key) => model.get(key)));
}

// Regression: a flush of any database makes the server announce a change of the topology record.
describe('while another database of the servers is flushed all the time,', () => {
  let servers: RedisServers;

  beforeAll(async () => {
    servers = await startServers({ count: 2 });
  });

  beforeEach(async () => {
    const clients = await Promise.all(servers.locations.map((location) => connectClient(location, 1)));
    const flushing = setInterval(() => {
      for (const client of clients) client.flushDb().catch(() => undefined);
    }, 2);
    onCleanUp(() => clearInterval(flushing));
  });

  // A get() whose reply had arrived together with the announcement was sent again, after a delete() of the same turn.
  test('a get() before delete() does not see its effect', async () => {
    const flushed = openStoreOver(servers.locations);
    const keys = MANY.slice(0, 50);
    for (let round = 0; round < 100; round += 1) {
      await flushed.setMany(entriesWith('there', keys));
      const calls = keys.map((key) => Promise.all([flushed.get(key), flushed.delete(key)]));
      expect(await Promise.all(calls)).toEqual(keys.map(() => ['there', true]));
    }
  });

  // Calls that were made soon after the record had been read overtook the calls that had waited for it.
  test('calls in random order are applied in the order in which they were made', () =>
    expectOrderOfRandomCalls(openStoreOver(servers.locations, { commandTimeoutMs: 20_000 })));

  // Each time, the calls waited for the answer of the silent node, and until then there was the next announcement.
  test('calls do not wait for a silent node again and again', async () => {
    const hole = await startBlackHole();
    const flushed = openStoreOver([...servers.locations, hole.location], { connectTimeoutMs: 60_000 });
    const [key] = keysOf(flushed, servers.locations[0] as string, 1) as [string];
    for (let round = 0; round < 100; round += 1) expect(await flushed.set(key, 'value')).toBe(true);
  });
});
