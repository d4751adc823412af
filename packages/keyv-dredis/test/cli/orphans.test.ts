import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { HashRing } from 'hash-ring';
import type { RedisServers } from 'redis-launcher';
import { recordsOf, runCli, startCliInTerminal } from '../support/cli.js';
import {
  connectClient,
  connectPlain,
  openStoreOver,
  type PlainServers,
  startServers,
} from '../support/index.js';

const KEYS = Array.from({ length: 300 }, (_, i) => `key-${i}`);

let redis: RedisServers;
let plain: PlainServers;
let nodes: string;
/** The keys that the third node takes over from the first two. */
let moved: string[];

beforeAll(async () => {
  redis = await startServers({ count: 3 });
  nodes = redis.locations.join();
  plain = await connectPlain(redis.locations);
  const ring = new HashRing(redis.locations);
  moved = KEYS.map((key) => `app:${key}`).filter((key) => ring.get(key) === redis.locations[2]);
});

/** Fills the first two nodes through a store that does not know the third. */
beforeEach(async () => {
  await plain.flush();
  const store = openStoreOver(redis.locations.slice(0, 2), { namespace: 'app' });
  await store.setMany(KEYS.map((key) => ({ key, value: 'value' })));
});

const orphans = async (...args: string[]) => {
  const result = await runCli(['orphans', '--nodes', nodes, '--json', ...args]);
  const [record] = recordsOf(result);
  return { ...result, record: record as { nodes: Counts[]; problems: unknown[] } };
};

interface Counts {
  readonly keyCount: number;
  readonly orphanCount: number;
  readonly removedCount: number;
  readonly examples: { readonly key: string; readonly owner: string }[];
}

const sum = (counts: readonly Counts[], field: 'keyCount' | 'orphanCount' | 'removedCount') =>
  counts.reduce((total, each) => total + each[field], 0);

describe('keyv-dredis orphans', () => {
  test('finds the keys that a third node took over, and leaves them', async () => {
    const { status, record } = await orphans();
    expect(sum(record.nodes, 'orphanCount')).toBe(moved.length);
    expect(sum(record.nodes, 'keyCount')).toBe(KEYS.length);
    for (const { key, owner } of record.nodes.flatMap(({ examples }) => examples)) {
      expect(moved).toContain(key);
      expect(owner).toBe(redis.locations[2]);
    }
    expect(status).toBe(1);
    expect(await plain.keys()).toHaveLength(KEYS.length);
  });

  test('finds none if the nodes are those of the store', async () => {
    const result = await runCli(['orphans', '--nodes', redis.locations.slice(0, 2).join()]);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.stdout).toMatch(/^127\.0\.0\.1:\d+ +\d+ +0 +0\.0 %$/m);
  });

  test('removes with --remove exactly the keys that another node owns', async () => {
    const { status, record } = await orphans('--remove', '--yes');
    expect(status).toBe(0);
    expect(sum(record.nodes, 'removedCount')).toBe(moved.length);
    const left = KEYS.map((key) => `app:${key}`).filter((key) => !moved.includes(key));
    expect(await plain.keys()).toEqual(left.sort());
    expect((await orphans()).status).toBe(0);
  });

  test('never touches keys of other programs and reserved keys', async () => {
    const [first] = redis.locations as [string];
    const others = moved.slice(0, 20).map((key) => key.replace('app:', 'other:'));
    const reserved = moved.slice(0, 20).map((key) => `%dredis:missed:${key}`);
    const client = await connectClient(first);
    for (const key of [...others, ...reserved]) await client.set(key, 'value');
    await orphans('--remove', '--yes');
    expect(await client.exists([...others, ...reserved])).toBe(40);
    expect(await client.exists('%dredis:prefixes')).toBe(1);
  });

  test('counts keys without a prefix only with --owns-database', async () => {
    const raw = { keyFormat: 'raw', ownsDatabase: true } as const;
    await openStoreOver(redis.locations.slice(0, 2), raw).setMany(
      KEYS.map((key) => ({ key: `bare-${key}`, value: 'value' })),
    );
    const without = await runCli(['orphans', '--nodes', nodes]);
    expect(without.stdout).toContain('see --owns-database');
    expect(sum((await orphans()).record.nodes, 'keyCount')).toBe(KEYS.length);
    expect(sum((await orphans('--owns-database')).record.nodes, 'keyCount')).toBe(2 * KEYS.length);
  });

  test('says that no key counts if no store has registered a namespace', async () => {
    // A connected store would register its namespace again.
    const empty = await startServers({ count: 1 });
    const { status, stdout } = await runCli(['orphans', '--nodes', empty.locations.join()]);
    expect(stdout).toContain('No store has registered a namespace');
    expect(status).toBe(0);
  });

  test('warns if most keys are orphans, as with wrong nodes', async () => {
    const renamed = redis.locations.map((location, i) => ({
      url: `redis://${location}`,
      name: `cache-${i}`,
    }));
    const { stdout } = await runCli(['orphans', '--nodes', JSON.stringify(renamed)]);
    expect(stdout).toContain('Most keys are orphans.');
  });

  test('checks the other nodes if one is dead, and says so with exit status 1', async () => {
    const alive = redis.locations.slice(0, 2);
    const dead = { host: '127.0.0.1', port: 1, weight: 1e-9 };
    const { status, record } = await orphans('--nodes', JSON.stringify([...alive, dead]));
    expect(status).toBe(1);
    expect(sum(record.nodes, 'keyCount')).toBe(KEYS.length);
    expect(record.problems).toEqual([
      { node: '127.0.0.1:1', message: expect.stringContaining('ECONNREFUSED') },
    ]);
  });

  test('refuses --remove without --yes if nobody can answer, with exit status 2', async () => {
    const { status, stderr } = await runCli(['orphans', '--nodes', nodes, '--remove']);
    expect(stderr).toContain('add --yes');
    expect(status).toBe(2);
    expect(await plain.keys()).toHaveLength(KEYS.length);
  });

  test.each([
    ['y\n', 0, () => KEYS.length - moved.length],
    ['n\n', 1, () => KEYS.length],
    ['\n', 1, () => KEYS.length],
    ['\x03', 1, () => KEYS.length],
  ])('asks before it removes: %j', async (answer, expected, leftCount) => {
    const cli = await startCliInTerminal(['orphans', '--nodes', nodes, '--remove']);
    await cli.printed(`Remove ${moved.length} keys? (y/N)`);
    cli.process.stdin?.write(answer);
    expect((await cli.result).status).toBe(expected);
    expect(await plain.keys()).toHaveLength(leftCount());
  });
});
