import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { HashRing } from 'hash-ring';
import { fingerprintOf, type RecordedNode, type TopologyRecord } from '../../src/membership/record.js';
import { recordsOf, runCli } from '../support/cli.js';
import {
  connectClient,
  connectPlain,
  makeRecord,
  type PlainServers,
  recordedNodes,
  registerPrefix,
  startServer,
  startServers,
} from '../support/index.js';
import { writeRecord } from '../support/records.js';

// The topology record says that nodes are not in service. No store is connected, which would change that.

const DEAD = '127.0.0.1:1';

let plain: PlainServers;
/** Nodes in service, unless a test says otherwise. */
let three: string[];
let first: string;
/** The node that the tests are about. It is not in {@link three}. */
let fourth: string;
let four: string[];

beforeAll(async () => {
  const { locations } = await startServers({ count: 4 });
  four = [...locations];
  three = four.slice(0, 3);
  [first, fourth] = [four[0] as string, four[3] as string];
  plain = await connectPlain(four);
});

beforeEach(async () => {
  await plain.flush();
  for (const location of four) await registerPrefix(await connectClient(location), 'app:');
});

type NodeChanges = Partial<Pick<RecordedNode, 'state' | 'weight' | 'log'>>;

/** The record of epoch 8 with {@link three} and another node. */
function recordWith(name: string, node: NodeChanges, changes: Partial<TopologyRecord> = {}): TopologyRecord {
  const nodes = [...recordedNodes(three), ...recordedNodes([name]).map((other) => ({ ...other, ...node }))];
  return makeRecord(8, [], { nodes, fingerprint: fingerprintOf(nodes), ...changes });
}

/** Writes {@link recordWith} to all servers. */
const write = (node: NodeChanges, changes?: Partial<TopologyRecord>) =>
  writeRecord(four, recordWith(fourth, node, changes));

/** Keys move back to the fourth node. */
const writeMoveBack = () =>
  write({ log: 'l1' }, { phase: 'moving', previous: recordWith(fourth, { state: 'away', log: 'l1' }).nodes });

/** Names of keys that belong to the fourth node. A node is one of the other three, to which they belong without it. */
const keysOfFourth = (count: number, node?: string) =>
  Array.from({ length: 10_000 }, (_, i) => `app:${i}`)
    .filter((key) => new HashRing(four).get(key) === fourth)
    .filter((key) => node === undefined || new HashRing(three).get(key) === node)
    .slice(0, count);

interface Found {
  readonly exitStatus: number | null;
  readonly nodes: readonly { readonly node: string; readonly examples?: readonly object[] }[];
  readonly problems: readonly { readonly node: string }[];
  readonly notes: readonly object[];
  readonly change: object;
  readonly waitsFor: object;
  readonly elsewhere: readonly string[];
}

async function run(command: string, ...args: string[]): Promise<Found> {
  const result = await runCli([command, '--json', '--nodes', first, ...args]);
  expect(result.stderr).toBe('');
  return { ...(recordsOf(result).at(-1) as unknown as Found), exitStatus: result.status };
}

const textOf = async (...args: string[]) => (await runCli([...args, '--nodes', first])).stdout;

describe('keyv-dredis status', () => {
  test('shows a node that is away, once, and what to do', async () => {
    await writeRecord(three, recordWith(DEAD, { state: 'away' }));
    const found = await run('status');
    expect(found).toMatchObject({ exitStatus: 1, fingerprint: new HashRing(three).fingerprint(), notes: [] });
    const shares = new HashRing(three).shares();
    expect(found.nodes).toMatchObject([
      ...three.map((node) => ({
        node,
        state: 'up',
        recorded: 'in',
        share: shares.get(node),
        idealShare: 1 / 3,
      })),
      { node: DEAD, state: 'down', recorded: 'away', weight: 1, share: 0, idealShare: 0 },
    ]);
    expect(found.problems).toEqual([
      {
        node: DEAD,
        message: expect.stringMatching(
          /is away.*ECONNREFUSED.*bring it back.*: keyv-dredis remove 127\.0\.0\.1:1$/,
        ),
      },
    ]);
    expect(await textOf('status')).toMatch(/^127\.0\.0\.1:1 +away +- +1 +0\.0 % +0\.0 %/m);
  });

  test('shows a node that is away although it answers, and does not mind its old record and its stores', async () => {
    await writeRecord([fourth], makeRecord(5, four));
    await writeRecord(three, recordWith(fourth, { state: 'away' }));
    const client = await connectClient(fourth);
    await client.sendCommand(['CLIENT', 'SETNAME', `keyv-dredis_${'0'.repeat(12)}`]);
    const found = await run('status');
    expect(found.exitStatus).toBe(1);
    expect(found.nodes[3]).toMatchObject({ node: fourth, state: 'up', recorded: 'away' });
    expect(found.problems).toEqual([
      { node: fourth, message: expect.stringMatching(/is away.*answers this program.*network/) },
    ]);
  });

  test.each(['leaving', 'returning'] as const)('is fine while a node is %s', async (state) => {
    await write({ state });
    const found = await run('status');
    expect(found).toMatchObject({ exitStatus: 0, isFine: true, problems: [] });
    expect(found.nodes[3]).toMatchObject({ node: fourth, state: 'up', recorded: state });
    expect(found.notes).toEqual([{ node: fourth, message: expect.stringContaining(`is ${state}`) }]);
    expect(await textOf('status')).toMatch(
      new RegExp(`^${fourth} +${state} .*^Notes\n${fourth}: it is ${state}`, 'ms'),
    );
  });

  test('has exit status 1 if a node that is leaving cannot be reached', async () => {
    await writeRecord(three, recordWith(DEAD, { state: 'leaving' }));
    const found = await run('status');
    expect(found.exitStatus).toBe(1);
    expect(found.nodes[3]).toMatchObject({ state: 'down', recorded: 'leaving' });
    expect(found.problems).toEqual([{ node: DEAD, message: expect.stringContaining('ECONNREFUSED') }]);
  });

  test('is fine while keys move back to a node, and does not advise to resume', async () => {
    await writeMoveBack();
    const [moved, left, other] = keysOfFourth(3, first) as [string, string, string];
    for (const key of [moved, other]) await (await connectClient(fourth)).set(key, 'value');
    await (await connectClient(first)).set(left, 'value');
    const found = await run('status');
    expect(found).toMatchObject({ exitStatus: 0, phase: 'moving', problems: [] });
    expect(found.change).toMatchObject({ backTo: fourth, leftCount: 1, isRunning: true });
    expect(found.notes).toEqual([{ node: fourth, message: expect.stringContaining('move back') }]);
    const text = await textOf('status');
    expect(text).toContain(`Keys move back to ${fourth}: 1 key is left.`);
    expect(text).not.toContain('resume');
  });

  test('shows a witness, which has no share and is no node that leaves', async () => {
    await write({ weight: 0 });
    const found = await run('status', '--nodes', four.join());
    expect(found).toMatchObject({ exitStatus: 0, problems: [], notes: [] });
    expect(found.nodes[3]).toMatchObject({ weight: 0, recorded: 'in', share: 0, idealShare: 0 });
    expect((await runCli(['status', '--nodes', four.join()])).stdout).toMatch(
      new RegExp(`^${fourth} +up +8 +witness +0\\.0 %`, 'm'),
    );
  });

  test('says that no majority of the nodes can be reached', async () => {
    const nodes = [first, DEAD, '127.0.0.1:2'];
    await writeRecord([first], makeRecord(8, nodes));
    const { exitStatus, problems } = await run('status');
    expect(exitStatus).toBe(1);
    expect(problems).toHaveLength(3);
    expect(problems).toContainEqual({
      node: 'topology',
      message: expect.stringMatching(/^only 1 of 3 servers that vote .* majority is 2: .*fail all calls/),
    });
  });

  test('does not count nodes that are away for the majority', async () => {
    const nodes = [...recordedNodes(three), ...recordedNodes([DEAD, '127.0.0.1:2'], 1)].map((node, index) =>
      index < 3 ? node : { ...node, state: 'away' as const },
    );
    await writeRecord(three, makeRecord(8, [], { nodes, fingerprint: fingerprintOf(nodes) }));
    const { problems } = await run('status');
    expect(problems.map(({ node }) => node)).toEqual([DEAD, '127.0.0.1:2']);
  });
});

describe('keyv-dredis explain', () => {
  test('shows the node that serves a key, and the one that the key belongs to, which is away', async () => {
    await writeRecord(three, recordWith(fourth, { state: 'away' }));
    const [key] = keysOfFourth(1, three[1]) as [string];
    for (const location of [three[1] as string, fourth])
      await (await connectClient(location)).set(key, 'four');
    expect(await run('explain', key, '--key-format', 'raw')).toMatchObject({
      exitStatus: 0,
      owner: three[1],
      belongsTo: fourth,
      waitsFor: null,
      from: null,
      next: new HashRing(three).replicas(key, 3).slice(1),
      entry: { type: 'string', bytes: 4 },
      elsewhere: [],
      problems: [],
    });
    const text = await textOf('explain', key, '--key-format', 'raw');
    expect(text).toMatch(new RegExp(`^owner +${three[1]}$`, 'm'));
    expect(text).toMatch(new RegExp(`^belongs to +${fourth}, which is away$`, 'm'));
  });

  test.each(['leaving', 'returning'] as const)(
    'says that nobody serves a key whose owner is %s',
    async (state) => {
      await write({ state });
      const [key] = keysOfFourth(1, first) as [string];
      await (await connectClient(first)).set(key, 'value');
      const found = await run('explain', key, '--key-format', 'raw');
      expect(found).toMatchObject({ exitStatus: 0, owner: fourth, belongsTo: null });
      expect(found.waitsFor).toEqual({ node: fourth, state });
      // While a node is returning, its keys are still on the others.
      expect(found.elsewhere).toEqual(state === 'returning' ? [] : [first]);
      const text = await textOf('explain', key, '--key-format', 'raw');
      expect(text).toMatch(
        new RegExp(`^served by +nobody at the moment, because ${fourth} is ${state}`, 'm'),
      );
    },
  );

  test('shows a key that moves back to its node', async () => {
    await writeMoveBack();
    const [key] = keysOfFourth(1, first) as [string];
    expect(await run('explain', key, '--key-format', 'raw')).toMatchObject({
      owner: fourth,
      belongsTo: null,
      waitsFor: null,
      from: { node: first },
    });
  });
});

describe('keyv-dredis ring', () => {
  test('shows nodes that are away, and the ring without them', async () => {
    await writeRecord(three, recordWith(DEAD, { state: 'away' }));
    const found = await run('ring', '--with', [...three, DEAD].join());
    expect(found).toMatchObject({
      exitStatus: 0,
      fingerprint: new HashRing(three).fingerprint(),
      next: { fingerprint: new HashRing(three).fingerprint(), movedShare: 0 },
    });
    expect(found.nodes[0]).toMatchObject({ recorded: 'in' });
    expect(found.nodes[3]).toMatchObject({ recorded: 'away', weight: 1, share: 0, idealShare: 0 });
    expect(await textOf('ring')).toMatch(/^127\.0\.0\.1:1 +away +1 +0\.0 % +0\.0 %$/m);
  });

  test('shows witnesses', async () => {
    await write({ weight: 0 });
    const { stdout } = await runCli(['ring', '--nodes', four.join()]);
    expect(stdout).toMatch(/^node +weight +share +ideal$/m);
    expect(stdout).toMatch(new RegExp(`^${fourth} +witness +0\\.0 % +0\\.0 %$`, 'm'));
    const nodes = JSON.stringify([...three, { url: `redis://${fourth}`, weight: 0 }]);
    expect((await runCli(['ring', '--no-record', '--nodes', nodes])).stdout).toContain('witness');
  });
});

const NOT_IN_SERVICE = ['leaving', 'away', 'returning'] as const;

describe('keyv-dredis orphans', () => {
  test('leaves out a node that is away, and does not count its keys on the others', async () => {
    await writeRecord(three, recordWith(fourth, { state: 'away' }));
    const [own] = keysOfFourth(1, first) as [string];
    const [stray] = keysOfFourth(1, three[1]) as [string];
    for (const location of [first, fourth])
      await (await connectClient(location)).mSet([own, '1', stray, '2']);
    const found = await run('orphans');
    expect(found.nodes.map(({ node }) => node).sort()).toEqual([...three].sort());
    expect(found).toMatchObject({ exitStatus: 1, problems: [] });
    expect(found.nodes.find(({ node }) => node === first)).toMatchObject({
      keyCount: 2,
      orphanCount: 1,
      examples: [{ key: stray, owner: three[1] }],
    });
  });

  test('does not count the keys of a node that is returning on the others', async () => {
    await write({ state: 'returning' });
    const [own] = keysOfFourth(1, first) as [string];
    const [stray] = keysOfFourth(1, three[1]) as [string];
    await (await connectClient(first)).mSet([own, '1', stray, '2']);
    const found = await run('orphans');
    expect(found.nodes.flatMap(({ examples }) => examples)).toEqual([{ key: stray, owner: fourth }]);
  });

  test.each(NOT_IN_SERVICE)('refuses --remove while a node is %s', async (state) => {
    await write({ state });
    const result = await runCli(['orphans', '--remove', '--yes', '--nodes', first]);
    expect(result).toMatchObject({ status: 2, stdout: '' });
    expect(result.stderr).toMatch(new RegExp(`${fourth} is ${state} \\(epoch 8\\): .*orphans are removed`));
  });
});

describe('keyv-dredis import', () => {
  let source: string;

  beforeAll(async () => {
    source = (await startServer()).location;
    await (await connectClient(source)).set('app:1', 'value');
  });

  const importKeys = () => runCli(['import', source, '--key-format', 'default', '--yes', '--nodes', first]);

  test.each(NOT_IN_SERVICE)('refuses while a node is %s, and writes nothing', async (state) => {
    await write({ state });
    const { status, stderr } = await importKeys();
    expect(status).toBe(2);
    expect(stderr).toMatch(new RegExp(`${fourth} is ${state} \\(epoch 8\\): .*keys are imported`));
    expect(await plain.keys()).toEqual([]);
  });

  test('refuses while keys move back to a node, and does not advise to resume', async () => {
    await writeMoveBack();
    const { status, stderr } = await importKeys();
    expect(status).toBe(2);
    expect(stderr).toContain(`keys move back to ${fourth} (epoch 8): wait until they have moved`);
    expect(stderr).not.toContain('resume');
  });

  test('copies nothing to a witness', async () => {
    await write({ weight: 0 });
    const args = ['import', source, '--key-format', 'default', '--yes', '--nodes', four.join()];
    const { status, stdout } = await runCli(args);
    expect(status).toBe(0);
    expect(stdout).toContain('to 3 servers');
    expect(await plain.keysByServer()).toEqual(
      four.map((node) => (new HashRing(three).get('app:1') === node ? ['app:1'] : [])),
    );
  });
});
