import { beforeEach, describe, expect, test } from '@jest/globals';
import type { RedisServers } from 'redis-launcher';
import { TOPOLOGY_KEY } from '../../src/format/reserved-keys.js';
import type { DRedisStore } from '../../src/index.js';
import { formatRecord, parseRecord, type TopologyRecord } from '../../src/membership/record.js';
import { raise } from '../../src/membership/spread.js';
import {
  connectClient,
  makeRecord,
  NO_DEADLINES,
  nextEvent,
  openNode,
  openStoreOver,
  recordedNodes,
  sendTo,
  startServers,
  until,
} from '../support/index.js';

let redis: RedisServers;
let locations: readonly string[];
let store: DRedisStore;

const KEYS = Array.from({ length: 200 }, (_, number) => `key-${number}`);

beforeEach(async () => {
  redis = await startServers();
  locations = redis.locations;
  store = openStoreOver(locations.slice(0, 3), { namespace: 'n' });
});

/** Writes a record to servers, as a change does. */
async function spread(record: TopologyRecord, to: readonly string[] = locations): Promise<void> {
  await Promise.all(to.map((location) => raise(sendTo(openNode(location)), record)));
}

const settledOnThree = () => makeRecord(1, locations.slice(0, 3));
const movingToFour = () =>
  makeRecord(2, locations, { phase: 'moving', previous: recordedNodes(locations.slice(0, 3)) });
const settledOnFour = () => makeRecord(3, locations);

async function setAll(values: DRedisStore = store): Promise<void> {
  await values.setMany(KEYS.map((key) => ({ key, value: `value of ${key}` })));
}

const expected = KEYS.map((key) => `value of ${key}`);

describe('a store follows the record', () => {
  test('that another process writes', async () => {
    await store.connect();
    expect(store.status().topology).toMatchObject({ mode: 'shared', epoch: 0, phase: 'settled' });
    const moving = nextEvent(store, 'topology:moving');
    const changed = nextEvent(store, 'topology:changed');
    await spread(movingToFour());
    expect(await moving).toEqual([
      {
        epoch: 2,
        nodes: locations,
        previous: locations.slice(0, 3),
        states: {},
        fingerprint: movingToFour().fingerprint,
      },
    ]);
    expect(store.status().topology).toMatchObject({ epoch: 2, phase: 'moving' });
    await spread(settledOnFour());
    expect((await changed)[0]).toMatchObject({ epoch: 3, nodes: locations, previous: undefined });
    expect(store.nodes).toEqual(locations);
  });

  test('that it finds through one living server of an old list', async () => {
    await spread(settledOnFour());
    await setAll();
    await redis.servers[0]?.stop();
    const old = openStoreOver(['127.0.0.1:1', locations[3] as string, '127.0.0.1:2'], { namespace: 'n' });
    const owned = KEYS.filter((key) => store.locate(key).node !== locations[0]);
    expect(await Promise.all(owned.map((key) => old.get(key)))).toEqual(
      owned.map((key) => `value of ${key}`),
    );
    expect(old.nodes).toEqual(locations);
  });

  test('and writes it to a server that came back empty', async () => {
    await spread(settledOnFour());
    await setAll();
    const client = await connectClient(locations[1] as string);
    await client.flushAll();
    await until(async () => (await client.get(TOPOLOGY_KEY)) !== null);
    expect(parseRecord((await client.get(TOPOLOGY_KEY)) as string)).toEqual(settledOnFour());
    expect(store.status().topology.epoch).toBe(3);
  });

  test('and brings an older server up', async () => {
    await spread(settledOnThree(), locations.slice(0, 3));
    await store.connect();
    await spread(settledOnFour(), locations.slice(0, 1));
    await setAll();
    for (const location of locations) {
      const client = await connectClient(location);
      expect(await client.get(TOPOLOGY_KEY)).toBe(formatRecord(settledOnFour()));
    }
  });

  test('but not the record of another cache', async () => {
    const four = openStoreOver(locations, { namespace: 'n' });
    await spread(settledOnFour(), locations.slice(0, 1));
    await spread({ ...settledOnFour(), cache: 'c2' }, locations.slice(1, 2));
    await four.connect().catch(() => undefined);
    const down = four.status().nodes.filter(({ state }) => state === 'down');
    expect(down).toHaveLength(1);
    expect(down[0]?.reason?.message).toMatch(/its topology record belongs to another cache, with the nodes/);
  });
});

describe('while entries move', () => {
  beforeEach(async () => {
    await setAll();
    await spread(movingToFour());
  });

  test('all values are read, one by one and together', async () => {
    expect(await Promise.all(KEYS.map((key) => store.get(key)))).toEqual(expected);
    expect(await store.getMany(KEYS)).toEqual(expected);
    expect(await store.hasMany(KEYS)).toEqual(KEYS.map(() => true));
  });

  test('has() and hasMany() find all entries', async () => {
    expect(await Promise.all(KEYS.map((key) => store.has(key)))).toEqual(KEYS.map(() => true));
    expect(await store.hasMany([...KEYS, 'missing'])).toEqual([...KEYS.map(() => true), false]);
  });

  test('the last write wins', async () => {
    await Promise.all(KEYS.map((key) => store.set(key, 'new')));
    expect(await store.getMany(KEYS)).toEqual(KEYS.map(() => 'new'));
    await store.setMany(KEYS.map((key) => ({ key, value: 'newer' })));
    expect(await Promise.all(KEYS.map((key) => store.get(key)))).toEqual(KEYS.map(() => 'newer'));
  });

  test('writes of one turn keep their order', async () => {
    const done = KEYS.flatMap((key) => [store.set(key, '1'), store.delete(key), store.set(key, '2')]);
    const read = KEYS.map((key) => store.get(key));
    // While the topology changes, reads of the same turn may be sent again, before or after the writes.
    for (const [index, value] of (await Promise.all(read)).entries()) {
      expect([expected[index], '1', undefined, '2']).toContain(value);
    }
    await Promise.all(done);
    expect(await store.getMany(KEYS)).toEqual(KEYS.map(() => '2'));
  });

  test('delete() and deleteMany() tell what existed, on either node', async () => {
    expect(await Promise.all(KEYS.slice(0, 100).map((key) => store.delete(key)))).toEqual(
      Array(100).fill(true),
    );
    expect(await store.deleteMany([...KEYS.slice(50)])).toEqual([
      ...Array(50).fill(false),
      ...Array(100).fill(true),
    ]);
    expect(await store.getMany(KEYS)).toEqual(KEYS.map(() => undefined));
  });

  test('iterator() yields every entry', async () => {
    const seen = new Map<string, unknown>();
    for await (const [key, value] of store.iterator()) seen.set(key, value);
    expect(seen).toEqual(new Map(KEYS.map((key, index) => [key, expected[index]])));
  });

  test('clear() removes every entry, and no entry of another namespace', async () => {
    const other = store.withNamespace('other');
    await other.setMany(KEYS.map((key) => ({ key, value: 'other' })));
    await store.clear();
    expect(await store.getMany(KEYS)).toEqual(KEYS.map(() => undefined));
    expect(await other.getMany(KEYS)).toEqual(KEYS.map(() => 'other'));
  });

  test('a key that is used during clear() keeps its later value', async () => {
    const cleared = store.clear();
    const set = KEYS.slice(0, 50).map((key) => store.set(key, 'later'));
    await Promise.all([cleared, ...set]);
    expect(await store.getMany(KEYS)).toEqual(KEYS.map((_, index) => (index < 50 ? 'later' : undefined)));
  });
});

test('calls go on while the topology changes under them', async () => {
  store = openStoreOver(locations.slice(0, 3), { namespace: 'n', ...NO_DEADLINES });
  await setAll();
  let isDone = false;
  const errors: unknown[] = [];
  const worker = async (offset: number) => {
    for (let turn = 0; !isDone; turn += 1) {
      const key = KEYS[(turn * 7 + offset * 13) % KEYS.length] as string;
      try {
        const value = await store.get(key);
        if (value !== `value of ${key}`) errors.push([key, value, store.status().topology.epoch]);
        await store.set(key, `value of ${key}`);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  const workers = Array.from({ length: 16 }, (_, offset) => worker(offset));
  for (let round = 0; round < 10; round += 1) {
    const epoch = 10 * round + 1;
    await spread({ ...movingToFour(), epoch });
    await spread({
      ...makeRecord(epoch + 1, locations.slice(0, 3)),
      phase: 'moving',
      previous: movingToFour().nodes,
    });
    await spread(makeRecord(epoch + 2, locations.slice(0, 3)));
  }
  isDone = true;
  await Promise.all(workers);
  expect(errors).toEqual([]);
});
