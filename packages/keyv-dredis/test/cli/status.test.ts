import { beforeAll, describe, expect, test } from '@jest/globals';
import { HashRing } from 'hash-ring';
import type { RedisServers } from 'redis-launcher';
import { recordsOf, runCli, startCli } from '../support/cli.js';
import { connectClient, openStoreOver, startProxy, startServer, startServers } from '../support/index.js';

const DEAD = '127.0.0.1:1';

let redis: RedisServers;
let nodes: string;

beforeAll(async () => {
  redis = await startServers({ count: 2 });
  nodes = redis.locations.join();
});

interface Report {
  readonly isFine: boolean;
  readonly fingerprint: string;
  readonly nodes: readonly Record<string, unknown>[];
  readonly problems: readonly { readonly node: string; readonly message: string }[];
}

async function statusOf(locations: string, ...more: string[]) {
  const result = await runCli(['status', '--json', '--nodes', locations, ...more]);
  expect(result.stderr).toBe('');
  return { status: result.status, report: recordsOf(result)[0] as unknown as Report };
}

describe('keyv-dredis status', () => {
  test('shows servers that are well, with exit status 0', async () => {
    const store = openStoreOver(redis.locations, { namespace: 'app' });
    const keys = Array.from({ length: 100 }, (_, i) => `key-${i}`);
    await store.setMany(keys.map((key) => ({ key, value: 'value' })));
    await store.getMany(keys);
    await (await connectClient(redis.locations[0] as string)).set('other:key', 'value');

    const { status, report } = await statusOf(nodes);
    expect(status).toBe(0);
    const ring = new HashRing(redis.locations);
    const name = `keyv-dredis_${ring.fingerprint().slice(0, 12)}`;
    const stores = [{ address: expect.any(String), name, isTracking: expect.any(Boolean), agrees: true }];
    expect(report).toEqual({
      isFine: true,
      epoch: 0,
      phase: 'settled',
      change: null,
      fingerprint: ring.fingerprint(),
      nodes: redis.locations.map((node) => ({
        node,
        address: node,
        state: 'up',
        recorded: 'in',
        epoch: 0,
        weight: 1,
        share: ring.shares().get(node),
        idealShare: 0.5,
        keyCount: keys.filter((key) => ring.get(`app:${key}`) === node).length,
        isEstimate: false,
        usedBytes: expect.any(Number),
        maxBytes: null,
        hitRate: expect.any(Number),
        evictedCount: 0,
        evictedPerSecond: 0,
        stores,
      })),
      problems: [],
      notes: [{ node: 'topology', message: expect.stringContaining('two servers have no failover') }],
    });
  });

  test('finds stores with another ring', async () => {
    const [first] = redis.locations as [string];
    await openStoreOver([first]).connect();
    const { status, report } = await statusOf(nodes);
    expect(status).toBe(1);
    expect(report.problems).toEqual([
      {
        node: first,
        message: expect.stringMatching(
          /^1 store with another ring \(fingerprint [\da-f]{12}, not [\da-f]{12}\), for example 127/,
        ),
      },
    ]);
  });

  test('prints a table', async () => {
    const { status, stdout } = await runCli(['status', '--nodes', nodes]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^node +state +weight +share +ideal +keys +memory +hit rate +evicted +stores$/m);
    expect(stdout).toMatch(/^127\.0\.0\.1:\d+ +up +1 +\d+\.\d % +50\.0 %/m);
    expect(stdout).toContain('Everything is fine. 2 servers');
    expect(stdout).toMatch(/^Notes\ntopology: two servers have no failover.*witness/m);
  });

  test('shows addresses beside names that differ from them', async () => {
    const named = [{ url: `redis://user:secret@${DEAD}`, name: 'cache-1' }];
    const { stdout } = await runCli(['status', '--nodes', JSON.stringify(named)]);
    expect(stdout).toMatch(/^cache-1 +127\.0\.0\.1:1 +down/m);
    expect(stdout).not.toContain('secret');
  });

  test('shows a dead node with the reason and what to do, with exit status 1', async () => {
    const { status, report } = await statusOf(`${nodes},${DEAD}`);
    expect(status).toBe(1);
    expect(report.nodes.map(({ state }) => state)).toEqual(['up', 'up', 'down']);
    expect(report.nodes[2]).toMatchObject({ node: DEAD, keyCount: null, usedBytes: null, stores: null });
    expect(report.problems).toEqual([
      { node: DEAD, message: expect.stringMatching(/ECONNREFUSED.*start the server/) },
    ]);
  });

  test('shows a frozen node within seconds', async () => {
    const [server] = (await startServers({ count: 1 })).servers;
    await server?.pause();
    const startedAt = performance.now();
    const { status, report } = await statusOf(server?.location as string);
    expect(status).toBe(1);
    expect(report.problems[0]?.message).toContain('no greeting within 2000 ms');
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

  test('estimates the number of keys from a sample if there are many', async () => {
    const { location } = await startServer('--enable-debug-command', 'yes');
    const client = await connectClient(location);
    await client.sAdd('%dredis:prefixes', 'run');
    await client.sAdd('%dredis:prefixes:run', 'app:');
    // DEBUG POPULATE puts ":" between the prefix and the number.
    await client.sendCommand(['DEBUG', 'POPULATE', '60000', 'app']);
    await client.sendCommand(['DEBUG', 'POPULATE', '40000', 'other']);
    const before = (await client.info('commandstats')).match(/cmdstat_scan:calls=(\d+)/)?.[1];
    const { report } = await statusOf(location);
    const after = (await client.info('commandstats')).match(/cmdstat_scan:calls=(\d+)/)?.[1];
    expect(report.nodes[0]).toMatchObject({ isEstimate: true });
    const { keyCount } = report.nodes[0] as { keyCount: number };
    expect(Math.abs(keyCount - 60_000)).toBeLessThan(3000);
    expect(Number(after) - Number(before ?? 0)).toBeLessThanOrEqual(20);
  });

  test('says that a server is full if it then refuses writes', async () => {
    const { location } = await startServer('--maxmemory', '3mb', '--maxmemory-policy', 'noeviction');
    const client = await connectClient(location);
    for (let i = 0; ; i++) {
      const isStored = await client.set(`key-${i}`, 'x'.repeat(20_000)).then(
        () => true,
        () => false,
      );
      if (!isStored) break;
    }
    const { status, report } = await statusOf(location);
    expect(status).toBe(1);
    expect(report.problems).toEqual([
      { node: location, message: expect.stringMatching(/full.*raise maxmemory/) },
    ]);
  });

  test('says that a server evicts keys now, and not that it did once', async () => {
    const { location } = await startServer('--maxmemory', '3mb', '--maxmemory-policy', 'allkeys-lru');
    const client = await connectClient(location);
    let isWriting = true;
    const write = async () => {
      for (let i = 0; isWriting; i++) await client.set(`key-${i}`, 'x'.repeat(20_000));
    };
    const writing = write();
    const during = await statusOf(location);
    isWriting = false;
    await writing;
    expect(during.status).toBe(1);
    expect(during.report.problems).toEqual([
      { node: location, message: expect.stringMatching(/evicts [\d,]+ keys per second/) },
    ]);
    const after = await statusOf(location);
    expect(after).toMatchObject({ status: 0, report: { nodes: [{ evictedPerSecond: 0 }] } });
    expect(after.report.nodes[0]?.['evictedCount']).toBeGreaterThan(0);
  });

  test('says that a node is a replica, and that two nodes are one server', async () => {
    const primary = await startServer();
    const replica = await startServer('--replicaof', `127.0.0.1 ${primary.port}`);
    const { status, report } = await statusOf(
      `${primary.location},localhost:${primary.port},${replica.location}`,
    );
    expect(status).toBe(1);
    const messages = new Map(report.problems.map(({ node, message }) => [node, message]));
    expect(messages.get(replica.location)).toContain('is a replica');
    expect(messages.get(`localhost:${primary.port}`)).toContain(
      `the same server and database as ${primary.location}`,
    );
    expect(messages.size).toBe(2);
  });

  test('shows what an ACL user may see, and says which permission is missing', async () => {
    const { location } = await startServer(
      '--user',
      'viewer',
      'on',
      '>correct-horse',
      '~*',
      '+info',
      '+dbsize',
      '+scan',
      '+get',
    );
    const { status, report } = await statusOf(`redis://viewer:correct-horse@${location}`);
    expect(status).toBe(1);
    expect(report.nodes[0]).toMatchObject({ state: 'up', stores: null, usedBytes: expect.any(Number) });
    expect(report.problems).toEqual([
      { node: location, message: expect.stringMatching(/namespaces.*sscan/i) },
    ]);
    expect(JSON.stringify(report)).not.toContain('correct-horse');
  });

  test('has a library name of its own, so that no report counts it as a store', async () => {
    const proxy = await startProxy(redis.locations[0] as string);
    let requests = '';
    proxy.onRequest = (request) => {
      requests += request;
      return request;
    };
    await statusOf(proxy.location);
    expect(requests).toContain('node-redis(keyv-dredis-cli)');
  });

  test('writes nothing to the servers', async () => {
    const { location } = await startServer();
    const client = await connectClient(location);
    await statusOf(location);
    expect(await client.dbSize()).toBe(0);
    expect(await client.info('commandstats')).not.toMatch(/cmdstat_(set|sadd|unlink|del):/);
  });

  test('prints with --watch --json a record every two seconds, notices changes, and ends at Ctrl-C', async () => {
    const [server] = (await startServers({ count: 1 })).servers;
    const cli = await startCli(['status', '--watch', '--json', '--nodes', server?.location as string]);
    await cli.printed('"isFine":true');
    await server?.kill();
    await cli.printed('"isFine":false');
    await server?.start();
    // Without the first records.
    const seen = new Promise<void>((resolve) => {
      cli.process.stdout?.on('data', (text: Buffer) => text.includes('"isFine":true') && resolve());
    });
    await seen;
    cli.process.kill('SIGINT');
    const result = await cli.result;
    expect(result).toMatchObject({ status: 0, stderr: '' });
    const states = recordsOf(result).map(({ isFine }) => isFine);
    expect(states.at(0)).toBe(true);
    expect(states).toContain(false);
    expect(states.at(-1)).toBe(true);
  });

  test.each([
    ['an argument', ['status', 'a'], 'too many arguments'],
    ['no nodes', ['status'], 'Pass --nodes'],
  ])('refuses %s with exit status 2', async (_title, args, message) => {
    const { status, stderr } = await runCli(args);
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });
});
