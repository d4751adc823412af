import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { HashRing } from 'hash-ring';
import type { RedisServers } from 'redis-launcher';
import { TOPOLOGY_KEY } from '../../src/format/reserved-keys.js';
import { fingerprintOf, formatRecord } from '../../src/membership/record.js';
import { recordsOf, runCli, startCli, startCliInTerminal } from '../support/cli.js';
import {
  connectClient,
  connectPlain,
  openStoreOver,
  type PlainServers,
  startServer,
  startServers,
} from '../support/index.js';
import { makeRecord, recordedNodes } from '../support/nodes.js';
import { writeRecord } from '../support/records.js';

// A topology record on the servers decides which nodes the commands use.

const DEAD = '127.0.0.1:1';

let redis: RedisServers;
let plain: PlainServers;
let three: string[];
let four: string[];

beforeAll(async () => {
  redis = await startServers({ count: 4 });
  four = [...redis.locations];
  three = four.slice(0, 3);
  plain = await connectPlain(four);
});

beforeEach(() => plain.flush());

/** Epoch 8: keys move from three nodes to a fourth. */
const writeMoving = () => {
  const moving = makeRecord(8, four, { phase: 'moving', previous: recordedNodes(three) });
  return writeRecord(four, moving);
};

/** Names of keys of the namespace `app` that move from a node to the fourth one. */
const movingKeys = (from: string, count: number) => {
  const [before, after] = [new HashRing(three), new HashRing(four)];
  const all = Array.from({ length: 10_000 }, (_, i) => `app:${i}`);
  return all.filter((key) => before.get(key) === from && after.get(key) === four[3]).slice(0, count);
};

async function run(command: string, ...args: string[]) {
  const result = await runCli([command, '--json', ...args]);
  expect(result.stderr).toBe('');
  const record = recordsOf(result).at(-1) as Record<string, unknown> & {
    nodes: { node: string; [field: string]: unknown }[];
    problems: { node: string; message: string }[];
  };
  return { exitStatus: result.status, ...record };
}

describe('with a topology record, keyv-dredis status', () => {
  test('finds all nodes through one server of the list, and does not need the others', async () => {
    await writeRecord(three, makeRecord(7, three));
    const found = await run('status', '--nodes', `${DEAD},${three[1]}`);
    expect(found).toMatchObject({ exitStatus: 0, epoch: 7, phase: 'settled', change: null, problems: [] });
    expect(found.nodes.map(({ node, state, epoch }) => [node, state, epoch])).toEqual(
      three.map((location) => [location, 'up', 7]),
    );
  });

  test('takes names and weights from the record', async () => {
    const nodes = [
      { name: 'one', address: three[0] as string, database: 0, weight: 1 },
      { name: 'two', address: three[1] as string, database: 0, weight: 3 },
    ];
    await writeRecord(three.slice(0, 2), makeRecord(1, [], { nodes, fingerprint: fingerprintOf(nodes) }));
    const found = await run('status', '--nodes', three[0] as string);
    expect(found.nodes).toMatchObject([
      { node: 'one', address: three[0], weight: 1, idealShare: 0.25 },
      { node: 'two', address: three[1], weight: 3, idealShare: 0.75 },
    ]);
  });

  test('follows a record that only another node of the record holds', async () => {
    await writeRecord(three.slice(0, 1), makeRecord(6, three));
    await writeRecord(three.slice(1), makeRecord(7, four));
    await writeRecord(four.slice(3), makeRecord(7, four));
    const found = await run('status', '--nodes', three[0] as string);
    expect(found).toMatchObject({ exitStatus: 1, epoch: 7 });
    expect(found.nodes.map(({ node }) => node)).toEqual(four);
    expect(found.problems).toEqual([
      { node: three[0], message: expect.stringMatching(/record of epoch 6.* in epoch 7/) },
    ]);
  });

  test('shows nodes without the record, and nodes of another cache', async () => {
    await writeRecord(three.slice(0, 1), makeRecord(7, three));
    await writeRecord(three.slice(2), makeRecord(3, four.slice(2), { cache: 'other' }));
    const found = await run('status', '--nodes', three[0] as string);
    expect(found.exitStatus).toBe(1);
    expect(found.nodes.map(({ epoch }) => epoch)).toEqual([7, 0, null]);
    const messages = new Map(found.problems.map(({ node, message }) => [node, message]));
    expect(messages.get(three[1] as string)).toContain('holds no topology record');
    expect(messages.get(three[2] as string)).toContain('belongs to another cache');
  });

  test('shows a server of another cache in the list, although it is no node', async () => {
    await writeRecord(three, makeRecord(7, three));
    await writeRecord(four.slice(3), makeRecord(3, four.slice(3), { cache: 'other' }));
    const found = await run('status', '--nodes', four.join());
    expect(found.problems).toEqual([
      { node: four[3], message: expect.stringContaining('belongs to another cache') },
    ]);
  });

  test('shows a record that this version cannot use', async () => {
    await (await connectClient(three[0] as string)).set(TOPOLOGY_KEY, '{"format":2}');
    const found = await run('status', '--nodes', three[0] as string);
    expect(found).toMatchObject({
      exitStatus: 1,
      nodes: [{ state: 'up', epoch: null }],
      problems: [{ node: three[0], message: expect.stringContaining('update keyv-dredis') }],
    });
  });

  test('shows how far an unfinished change has come, and how to finish it', async () => {
    await openStoreOver(three, { namespace: 'app' }).set('x', 'value');
    await plain.remove('app:');
    await writeMoving();
    const keys = movingKeys(three[0] as string, 100);
    const [from, to] = [await connectClient(three[0] as string), await connectClient(four[3] as string)];
    for (const key of keys.slice(0, 75)) await to.set(key, 'value');
    for (const key of keys.slice(75)) await from.set(key, 'value');

    const found = await run('status', '--nodes', three[0] as string);
    expect(found).toMatchObject({
      exitStatus: 1,
      phase: 'moving',
      change: { fraction: 0.75, leftCount: 25, isEstimate: false, backTo: null, isRunning: false },
    });
    expect(found.problems).toContainEqual({
      node: 'topology',
      message: expect.stringContaining('keyv-dredis resume'),
    });
    const { stdout } = await runCli(['status', '--nodes', three[0] as string]);
    expect(stdout).toContain('75.0 % have moved, 25 keys are left.');
  });

  test('shows a node that the cache leaves while keys move', async () => {
    const previous = recordedNodes(four);
    await writeRecord(four, makeRecord(8, three, { phase: 'moving', previous }));
    const { stdout } = await runCli(['status', '--nodes', three[0] as string]);
    expect(stdout).toMatch(new RegExp(`^${four[3]} +up +8 +leaves`, 'm'));
    const found = await run('status', '--nodes', three[0] as string);
    expect(found.nodes[3]).toMatchObject({ node: four[3], weight: null, recorded: 'in' });
  });

  test('shows stores that cannot be told of changes, and stores with another ring', async () => {
    await writeRecord(three, makeRecord(7, three));
    const own = `keyv-dredis_${new HashRing(three).fingerprint().slice(0, 12)}`;
    const other = `keyv-dredis_${new HashRing(four).fingerprint().slice(0, 12)}`;
    for (const [name, isTracking] of [
      [own, true],
      [own, false],
      [other, true],
    ] as const) {
      const client = await connectClient(three[0] as string);
      await client.sendCommand(['CLIENT', 'SETNAME', name]);
      if (isTracking) await client.sendCommand(['CLIENT', 'TRACKING', 'ON', 'OPTIN']);
    }
    const found = await run('status', '--nodes', three[0] as string);
    expect(found.exitStatus).toBe(1);
    expect(found.nodes[0]?.['stores']).toEqual([
      { address: expect.any(String), name: own, isTracking: true, agrees: true },
      { address: expect.any(String), name: own, isTracking: false, agrees: true },
      { address: expect.any(String), name: other, isTracking: true, agrees: false },
    ]);
    expect(found.problems).toEqual([
      { node: three[0], message: expect.stringMatching(/^1 store that cannot be told/) },
      { node: three[0], message: expect.stringMatching(/^1 store with another ring/) },
    ]);
  });
});

describe('with a topology record, keyv-dredis explain', () => {
  test('uses the ring of the record', async () => {
    await writeRecord(four, makeRecord(9, four));
    const found = await run('explain', 'app:1', '--key-format', 'raw', '--nodes', four[0] as string);
    expect(found).toMatchObject({
      exitStatus: 0,
      epoch: 9,
      owner: new HashRing(four).get('app:1'),
      from: null,
    });
  });

  test('shows where a key moves from and to, and what is there', async () => {
    await writeMoving();
    const [key] = movingKeys(three[1] as string, 1) as [string];
    await (await connectClient(three[1] as string)).set(key, 'four');
    const args = [key, '--key-format', 'raw', '--nodes', three[0] as string];
    expect(await run('explain', ...args)).toMatchObject({
      exitStatus: 0,
      epoch: 8,
      owner: four[3],
      entry: null,
      from: { node: three[1], entry: { type: 'string', bytes: 4 } },
      elsewhere: [],
    });
    const { stdout } = await runCli(['explain', ...args]);
    expect(stdout).toMatch(new RegExp(`^moves from +${three[1]}$`, 'm'));
    expect(stdout).toMatch(new RegExp(`^moves to +${four[3]}$`, 'm'));
    expect(stdout).toMatch(new RegExp(`^entry there +none \\(on ${four[3]}`, 'm'));
    expect(stdout).toMatch(/^entry before +string, 4 B, never expires/m);
  });
});

describe('with a topology record, keyv-dredis ring', () => {
  test('shows the ring of the record, and compares it with other servers', async () => {
    await writeRecord(three, makeRecord(7, three));
    const movement = new HashRing(three).movement(new HashRing(four));
    const found = await run('ring', '--nodes', three[1] as string, '--with', four.join());
    expect(found).toMatchObject({
      exitStatus: 0,
      epoch: 7,
      fingerprint: new HashRing(three).fingerprint(),
      next: { movedShare: movement.fraction },
    });
    expect((await runCli(['ring', '--nodes', three[1] as string])).stdout).toContain('(epoch 7)');
  });

  test('shows the ring of the list with --no-record', async () => {
    await writeRecord(three, makeRecord(7, three));
    const found = await run('ring', '--no-record', '--nodes', four.join());
    expect(found).toMatchObject({ epoch: 0, fingerprint: new HashRing(four).fingerprint() });
  });
});

describe('with a topology record, keyv-dredis orphans', () => {
  beforeEach(async () => {
    await openStoreOver(three, { namespace: 'app' }).set('x', 'value');
    await plain.remove('app:');
  });

  test('uses the ring of the record', async () => {
    const [key] = movingKeys(three[0] as string, 1) as [string];
    await (await connectClient(three[0] as string)).set(key, 'value');
    await writeRecord(four, makeRecord(9, four));
    const found = await run('orphans', '--remove', '--yes', '--nodes', three[1] as string);
    expect(found).toMatchObject({
      exitStatus: 0,
      nodes: expect.arrayContaining([
        expect.objectContaining({ node: three[0], orphanCount: 1, removedCount: 1 }),
      ]),
    });
    expect(await plain.keys()).toEqual([]);
  });

  test('does not count keys that have to move, and refuses --remove until they have moved', async () => {
    const [key] = movingKeys(three[0] as string, 1) as [string];
    for (const location of three.slice(0, 2)) await (await connectClient(location)).set(key, 'value');
    await writeMoving();
    const found = await run('orphans', '--nodes', three[0] as string);
    const counts = found.nodes.map(({ node, orphanCount }) => [node, orphanCount]);
    expect(new Map(counts as [string, number][])).toEqual(
      new Map(four.map((node) => [node, node === three[1] ? 1 : 0])),
    );
    const refused = await runCli(['orphans', '--remove', '--yes', '--nodes', three[0] as string]);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toMatch(/keys move between two rings.*keyv-dredis resume/);
    expect(await plain.keys()).toEqual([key, key]);
  });
});

test('keyv-dredis orphans removes nothing if the topology changes before the answer', async () => {
  await openStoreOver(three, { namespace: 'app' }).set('x', 'value');
  await plain.remove('app:');
  await writeRecord(four, makeRecord(9, four));
  const [key] = movingKeys(three[0] as string, 1) as [string];
  await (await connectClient(three[0] as string)).set(key, 'value');
  const cli = await startCliInTerminal(['orphans', '--remove', '--nodes', three[1] as string]);
  await cli.printed('Remove 1 key? (y/N)');
  await writeRecord(four, makeRecord(10, four, { phase: 'moving', previous: recordedNodes(three) }));
  cli.process.stdin?.write('y\n');
  const { status, stdout } = await cli.result;
  expect(stdout).toContain('the servers of the cache have changed meanwhile');
  expect(status).toBe(1);
  expect(await plain.keys()).toEqual([key]);
});

test('keyv-dredis import stops if the topology changes meanwhile', async () => {
  await writeRecord(three, makeRecord(7, three));
  const { location } = await startServer('--enable-debug-command', 'yes');
  const source = await connectClient(location);
  await source.sendCommand(['DEBUG', 'POPULATE', '5000', 'app']);
  const options = ['--key-format', 'default', '--rate', '1000', '--yes', '--json'];
  const cli = await startCli(['import', location, '--nodes', three[0] as string, ...options]);
  await cli.printed('"type":"progress"');
  await writeRecord(three, makeRecord(8, four, { phase: 'moving', previous: recordedNodes(three) }));
  const result = await cli.result;
  const summary = recordsOf(result).at(-1) as { importedCount: number };
  expect(summary).toMatchObject({
    problems: [{ node: 'topology', message: expect.stringContaining('run the command again') }],
  });
  expect(result.status).toBe(1);
  expect(await plain.keys()).toHaveLength(summary.importedCount);
});

describe('with a topology record, keyv-dredis import', () => {
  const importFrom = (source: string) =>
    runCli(['import', source, '--nodes', three[0] as string, '--key-format', 'default', '--yes']);

  test('copies keys to their owners in the ring of the record', async () => {
    await writeRecord(four, makeRecord(9, four));
    const { location } = await startServer();
    const source = await connectClient(location);
    const keys = Array.from({ length: 50 }, (_, i) => `app:${i}`);
    for (const key of keys) await source.set(key, 'value');
    expect((await importFrom(location)).status).toBe(0);
    const ring = new HashRing(four);
    expect(await plain.keysByServer()).toEqual(
      four.map((node) => keys.filter((key) => ring.get(key) === node).sort()),
    );
  });

  test('refuses while keys move, with exit status 2', async () => {
    await writeMoving();
    const { status, stderr } = await importFrom(DEAD);
    expect(status).toBe(2);
    expect(stderr).toContain('keys move between two rings');
  });
});

test('nodes of the record that are not in the list get user and password of the list', async () => {
  const { locations } = await startServers({ count: 2, args: ['--requirepass', 'correct-horse'] });
  const record = makeRecord(4, locations);
  for (const location of locations) {
    const client = await connectClient(`:correct-horse@${location}`);
    await client.set(TOPOLOGY_KEY, formatRecord(record));
  }
  const [first] = locations as [string];
  const withUrl = await runCli(['status', '--nodes', `redis://:correct-horse@${first}`]);
  expect(withUrl).toMatchObject({ status: 0, stderr: '' });
  expect(withUrl.stdout).toContain('2 servers');
  const withVariable = await runCli(['status', '--nodes', first], { DREDIS_PASSWORD: 'correct-horse' });
  expect(withVariable.status).toBe(0);
  expect(JSON.stringify([withUrl, withVariable])).not.toContain('correct-horse');
});
