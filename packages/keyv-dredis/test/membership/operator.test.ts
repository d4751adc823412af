import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { RedisServers } from 'redis-launcher';
import { parseLocations } from '../../src/config/locations.js';
import { resolveOptions } from '../../src/config/validation.js';
import { TOPOLOGY_KEY, VOTE_KEY } from '../../src/format/reserved-keys.js';
import { planChange, resumeChange } from '../../src/membership/change.js';
import { formatRecord, type TopologyRecord } from '../../src/membership/record.js';
import { describeRecorded, toRecorded } from '../../src/membership/recorded-nodes.js';
import { targetsWith, targetsWithout } from '../../src/membership/targets.js';
import { connectClient, type PlainClient } from '../support/clients.js';
import {
  describeNodes,
  makeRecord,
  openOperator,
  recordedNodes,
  recordOn,
  startProxy,
  startServers,
} from '../support/index.js';

let redis: RedisServers;
let clients: PlainClient[];
let locations: readonly string[];

beforeAll(async () => {
  redis = await startServers({ count: 4 });
  locations = redis.locations;
});

beforeEach(async () => {
  clients = await Promise.all(locations.map((location) => connectClient(location)));
  for (const client of clients) await client.flushAll();
});

const write = (index: number, record: TopologyRecord) =>
  clients[index]?.set(TOPOLOGY_KEY, formatRecord(record));

const namesOf = (nodes: readonly { readonly name: string }[]) => nodes.map(({ name }) => name);

describe('Operator.open()', () => {
  test('takes the seeds as the nodes if there is no record', async () => {
    const operator = await openOperator(locations);
    expect(operator.record).toBeUndefined();
    expect(operator.nodes).toEqual(recordedNodes(locations));
    expect(operator.problems).toEqual([]);
  });

  test('finds all nodes through one living seed with an old record', async () => {
    // Each record leads to the next one.
    await write(1, makeRecord(1, locations.slice(1, 3)));
    await write(2, makeRecord(2, locations.slice(2, 4)));
    await write(3, makeRecord(3, locations.slice(0, 4)));
    const operator = await openOperator(['127.0.0.1:1', locations[1] as string]);
    expect(operator.record).toEqual(makeRecord(3, locations));
    expect(namesOf(operator.nodes)).toEqual(locations);
    expect(operator.problems).toEqual([]);
    expect(operator.outdated).toEqual(locations.slice(1, 3));
  });

  test('connects to the nodes before, too, while entries move', async () => {
    const previous = recordedNodes(locations.slice(0, 2));
    await write(3, makeRecord(1, locations.slice(2), { phase: 'moving', previous }));
    const operator = await openOperator([locations[3] as string]);
    expect(namesOf(operator.nodes)).toEqual(locations.slice(2));
    expect(namesOf(operator.allNodes)).toEqual([...locations.slice(2), ...locations.slice(0, 2)]);
    for (const name of locations) expect(operator.node(name).isRecovered).toBe(true);
  });

  test('takes the address of a node from the seeds before the record', async () => {
    const proxy = await startProxy(locations[0] as string);
    const nodes = [{ name: 'one', address: '127.0.0.1:1', database: 0, weight: 1 }];
    await write(0, makeRecord(1, locations, { nodes, fingerprint: makeRecord(1, ['one']).fingerprint }));
    const [host, port] = proxy.location.split(':') as [string, string];
    const operator = await openOperator([{ host, port: Number(port), name: 'one' }]);
    expect(operator.problems).toEqual([]);
    expect(operator.record?.epoch).toBe(1);
    expect(operator.addressOf('one')?.address).toBe(proxy.location);
  });

  test('tells which nodes of the record cannot be reached, and ignores seeds that are no nodes', async () => {
    await write(0, makeRecord(1, [locations[0] as string, '127.0.0.1:1']));
    const operator = await openOperator([locations[0] as string, '127.0.0.1:2', locations[3] as string]);
    expect(namesOf(operator.nodes)).toEqual([locations[0], '127.0.0.1:1']);
    expect(operator.problems.map(({ node }) => node)).toEqual(['127.0.0.1:1']);
    expect(operator.problems[0]?.error.message).toContain('ECONNREFUSED');
  });

  test("tells which seeds hold another cache's record, and which hold one that cannot be used", async () => {
    await write(0, makeRecord(1, [locations[0] as string]));
    await write(1, makeRecord(9, locations, { cache: 'c2' }));
    await clients[2]?.set(TOPOLOGY_KEY, 'no record');
    const operator = await openOperator(locations.slice(0, 3));
    expect(operator.record?.cache).toBe('c1');
    expect(operator.problems.map(({ node, error }) => [node, error.message])).toEqual([
      [locations[1], `its topology record belongs to another cache, with the nodes ${locations.join(', ')}`],
      [locations[2], 'its topology record is damaged: it is not JSON'],
    ]);
  });

  test('writes nothing, and its connections have a tag and no name of a store', async () => {
    await openOperator(locations, { clientOptions: { clientInfoTag: 'app' } });
    for (const client of clients) {
      expect(await client.dbSize()).toBe(0);
      expect(String(await client.sendCommand(['CLIENT', 'LIST']))).not.toContain('name=keyv-dredis_');
    }
  });
});

describe('after servers came back empty', () => {
  beforeEach(async () => {
    const operator = await openOperator(locations.slice(0, 3));
    await (await planChange(operator, targetsWith(operator, describeNodes([locations[3] as string])))).run();
  });

  test.each([
    [1, [0]],
    [2, [0, 1]],
    [3, [0, 1, 3]],
  ])(
    '%d of 4 nodes without state: the next change gives them the record, and they vote',
    async (_, emptied) => {
      for (const index of emptied) await clients[index]?.flushAll();
      const operator = await openOperator(locations);
      expect(operator.record?.epoch).toBe(2);
      const plan = await planChange(operator, targetsWithout(operator, [locations[1] as string]));
      expect(await plan.run()).toMatchObject({ epoch: 4, isStopped: false });
      for (const client of clients)
        expect(await recordOn(client)).toMatchObject({ epoch: 4, phase: 'settled' });
      for (const index of emptied.filter((each) => each !== 1)) {
        expect(JSON.parse((await clients[index]?.get(VOTE_KEY)) as string)).toMatchObject({
          voting: true,
          epoch: 4,
        });
      }
    },
  );

  test('a node with an older record is brought up by resume', async () => {
    await write(
      1,
      makeRecord(1, locations, { cache: (await recordOn(clients[0] as PlainClient))?.cache as string }),
    );
    const operator = await openOperator(locations);
    expect(operator.outdated).toEqual([locations[1]]);
    expect(await (await resumeChange(operator))?.run()).toMatchObject({ epoch: 2, isStopped: false });
    expect(await recordOn(clients[1] as PlainClient)).toMatchObject({ epoch: 2 });
  });
});

test.each([
  ['10.0.0.1:6380', { name: '10.0.0.1:6380', address: '10.0.0.1:6380', database: 0, weight: 1 }],
  [
    { url: 'redis://user:secret@Cache-1:7000/3', name: 'a', weight: 2 },
    { name: 'a', address: 'cache-1:7000', database: 3, weight: 2 },
  ],
  ['[::1]:6379', { name: '[::1]:6379', address: '[::1]:6379', database: 0, weight: 1 }],
  [
    'unix:/run/redis.sock',
    { name: 'unix:/run/redis.sock', address: 'unix:/run/redis.sock', database: 0, weight: 1 },
  ],
  ['localhost', { name: 'localhost:6379', address: 'localhost:6379', database: 0, weight: 1 }],
])('a record has the address of %j without credentials, and leads there', (location, recorded) => {
  const options = resolveOptions({ password: 'pw' });
  const [description] = parseLocations([location], options);
  if (description === undefined) throw new Error('no description');
  expect(toRecorded(description)).toEqual(recorded);
  const again = describeRecorded(recorded, [], options);
  expect(toRecorded(again)).toEqual(recorded);
  expect(again.secrets).toEqual(['pw']);
});
