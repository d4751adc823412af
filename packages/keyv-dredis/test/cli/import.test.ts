import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import KeyvRedis from '@keyv/redis';
import { HashRing } from 'hash-ring';
import { Keyv } from 'keyv';
import type { RedisServers } from 'redis-launcher';
import { recordsOf, runCli, startCli, startCliInTerminal } from '../support/cli.js';
import {
  connectClient,
  connectPlain,
  openStoreOver,
  type PlainServers,
  startServer,
  startServers,
} from '../support/index.js';

let redis: RedisServers;
let plain: PlainServers;
let nodes: string;
let url: string;
let source: Awaited<ReturnType<typeof connectClient>>;

beforeAll(async () => {
  redis = await startServers({ count: 3 });
  nodes = redis.locations.join();
  plain = await connectPlain(redis.locations);
  const { location } = await startServer('--enable-debug-command', 'yes');
  url = `redis://${location}`;
  source = await connectClient(location);
});

afterEach(async () => {
  await plain.flush();
  await source.flushAll();
});

const args = (...more: string[]) => ['import', url, '--nodes', nodes, '--key-format', 'keyv-redis', ...more];

async function importKeys(...more: string[]) {
  const result = await runCli(args('--yes', '--json', ...more));
  return { status: result.status, summary: recordsOf(result).at(-1) };
}

describe('keyv-dredis import', () => {
  test('copies the entries of @keyv/redis to the nodes on which a store finds them, with their expiries', async () => {
    const before = new Keyv(new KeyvRedis(url), { namespace: 'app' });
    for (let i = 0; i < 50; i++) await before.set(`key-${i}`, { number: i }, i % 2 ? 60_000 : undefined);
    await before.disconnect();

    expect(await importKeys()).toMatchObject({ status: 0, summary: { importedCount: 50, existingCount: 0 } });

    const store = openStoreOver(redis.locations, { keyFormat: 'keyv-redis' });
    const after = new Keyv({ store, namespace: 'app' });
    const values = await after.getMany(Array.from({ length: 50 }, (_, i) => `key-${i}`));
    expect(values).toEqual(Array.from({ length: 50 }, (_, number) => ({ number })));
    expect(await plain.ttlMs('app::key-0')).toBe(-1);
    const ttlMs = await plain.ttlMs('app::key-1');
    expect(ttlMs).toBeGreaterThan(30_000);
    expect(ttlMs).toBeLessThanOrEqual(60_000);
  });

  test('copies each key to its owner only, and keeps all bytes', async () => {
    const bytes = Buffer.from([0xff, 0x00, 0x80, 0x0a]);
    await source.set('app::bytes', bytes);
    await importKeys();
    const owner = new HashRing(redis.locations).get('app::bytes');
    const keys = await plain.keysByServer();
    expect(keys).toEqual(redis.locations.map((location) => (location === owner ? ['app::bytes'] : [])));
    const client = await connectClient(owner as string);
    expect(await client.sendCommand(['STRLEN', 'app::bytes'])).toBe(4);
    expect(await client.sendCommand(['GETRANGE', 'app::bytes', '3', '3'])).toBe('\n');
  });

  test('never replaces a value that is there, and can be run again', async () => {
    await source.set('app::old', 'old');
    await source.set('app::other', 'other');
    const owner = await connectClient(new HashRing(redis.locations).get('app::old') as string);
    await owner.set('app::old', 'new', { expiration: { type: 'PX', value: 60_000 } });
    expect(await importKeys()).toMatchObject({ status: 0, summary: { importedCount: 1, existingCount: 1 } });
    expect(await plain.get('app::old')).toBe('new');
    expect(await plain.ttlMs('app::old')).toBeGreaterThan(30_000);
    expect(await importKeys()).toMatchObject({ status: 0, summary: { importedCount: 0, existingCount: 2 } });
  });

  test('never gives a value the expiry of the value that replaced it', async () => {
    const keys = Array.from({ length: 3000 }, (_, i) => `app::${'long-'.repeat(20)}${i}`);
    const writer = await connectClient(url.slice('redis://'.length));
    let isWriting = true;
    const write = async () => {
      for (let round = 0; isWriting; round++) {
        const [value, ttlMs] = round % 2 ? ['short', 100_000] : ['long', 100_000_000];
        const expiration = { type: 'PX', value: ttlMs } as const;
        await Promise.all(keys.map((key) => writer.set(key, value, { expiration })));
      }
    };
    const writing = write();
    await importKeys();
    isWriting = false;
    await writing;
    const imported = await plain.keys();
    expect(imported.length).toBeGreaterThan(1000);
    const wrong: string[] = [];
    for (const key of imported) {
      const [value, ttlMs] = [await plain.get(key), await plain.ttlMs(key)];
      if ((value === 'short') !== ttlMs <= 100_000) wrong.push(key);
    }
    expect(wrong).toEqual([]);
  });

  test('fills the other nodes from a source that is one of them, and leaves its own keys', async () => {
    const [first] = redis.locations as [string];
    const client = await connectClient(first);
    const keys = Array.from({ length: 100 }, (_, i) => `app:${i}`);
    for (const key of keys) await client.set(key, 'value');
    const ring = new HashRing(redis.locations);
    const ownCount = keys.filter((key) => ring.get(key) === first).length;
    const result = await runCli([
      'import',
      first,
      '--nodes',
      nodes,
      '--key-format',
      'default',
      '--yes',
      '--json',
    ]);
    expect(recordsOf(result).at(-1)).toMatchObject({
      importedCount: 100 - ownCount,
      existingCount: ownCount,
    });
    const values = await openStoreOver(redis.locations, { namespace: 'app' }).getMany(
      keys.map((key) => key.slice(4)),
    );
    expect(values.every((value) => value === 'value')).toBe(true);
    expect(await client.exists(keys)).toBe(100);
  });

  test.each([
    ['keyv-redis', ['app::1']],
    ['default', ['app:1', 'app::1']],
  ])(
    'copies with --namespace only the keys that have its prefix in the format %s',
    async (format, expected) => {
      for (const key of ['app:1', 'app::1', 'apple::1', 'other::1', '1']) await source.set(key, 'value');
      await importKeys('--namespace', 'app', '--key-format', format);
      expect(await plain.keys()).toEqual([...expected].sort());
    },
  );

  test('skips values that are no strings, and reserved keys', async () => {
    await source.rPush('app::list', 'item');
    await source.set('%dredis:run', 'mark');
    await source.set('app::text', '');
    expect(await importKeys()).toMatchObject({
      status: 0,
      summary: { readCount: 2, importedCount: 1, otherTypeCount: 1 },
    });
    const client = await connectClient(new HashRing(redis.locations).get('%dredis:run') as string);
    expect(await client.get('%dredis:run')).toBeNull();
  });

  test('copies values that are longer than a page of replies should be', async () => {
    const long = 'x'.repeat(3_000_000);
    for (let i = 0; i < 5; i++) await source.set(`app::long-${i}`, long);
    expect(await importKeys()).toMatchObject({ status: 0, summary: { importedCount: 5 } });
    expect((await plain.get('app::long-3'))?.length).toBe(long.length);
  });

  test('only counts with --dry-run, and asks nothing', async () => {
    await source.set('app::1', 'value');
    await source.set('app::2', 'value');
    await (await connectClient(new HashRing(redis.locations).get('app::1') as string)).set('app::1', 'new');
    const { status, stdout } = await runCli(args('--dry-run'));
    expect(status).toBe(0);
    expect(stdout).toMatch(/^would be copied +1$/m);
    expect(stdout).toMatch(/^already there +1$/m);
    expect(await plain.keys()).toEqual(['app::1']);
  });

  test('copies 30,000 keys, prints progress as records, and holds --rate', async () => {
    await source.sendCommand(['DEBUG', 'POPULATE', '30000', 'app:']);
    const startedAt = performance.now();
    const result = await runCli(args('--yes', '--json', '--rate', '10000'));
    const seconds = (performance.now() - startedAt) / 1000;
    const records = recordsOf(result);
    const summary = records.pop();
    expect(summary).toMatchObject({ type: 'summary', readCount: 30_000, importedCount: 30_000 });
    expect(await plain.keys()).toHaveLength(30_000);
    // The first page is not delayed.
    expect(seconds).toBeGreaterThan(2.9);
    expect(records.length).toBeGreaterThanOrEqual(2);
    const fractions = records.map(({ fraction }) => fraction as number);
    expect(fractions).toEqual([...fractions].sort((one, other) => one - other));
    for (const { type, fraction, readCount } of records) {
      expect(type).toBe('progress');
      expect(Math.abs((fraction as number) - (readCount as number) / 30_000)).toBeLessThan(0.1);
    }
  });

  test('ends after the current page on Ctrl-C, with exit status 1, and goes on in the next run', async () => {
    await source.sendCommand(['DEBUG', 'POPULATE', '3000', 'app:']);
    const cli = await startCli(args('--yes', '--json', '--rate', '1000'));
    await cli.printed('"type":"progress"');
    cli.process.kill('SIGINT');
    const result = await cli.result;
    expect(result.status).toBe(1);
    const summary = recordsOf(result).at(-1) as { importedCount: number };
    expect(summary).toMatchObject({ type: 'summary', isStopped: true, problems: [] });
    expect(summary.importedCount).toBeLessThan(3000);
    expect(await plain.keys()).toHaveLength(summary.importedCount);
    expect(await importKeys()).toMatchObject({
      status: 0,
      summary: { existingCount: summary.importedCount, importedCount: 3000 - summary.importedCount },
    });
  });

  test('asks before it copies, and draws a bar in a terminal', async () => {
    await source.set('app::1', 'value');
    const cli = await startCliInTerminal(args());
    await cli.printed('Continue? (y/N)');
    expect(await plain.keys()).toEqual([]);
    cli.process.stdin?.write('y\n');
    const { status, stdout } = await cli.result;
    expect(status).toBe(0);
    expect(stdout).toContain('100 %');
    expect(await plain.keys()).toEqual(['app::1']);
  });

  test.each([
    ['the source', () => ['import', 'redis://127.0.0.1:1', '--nodes', nodes, '--key-format', 'default']],
    ['a node', () => args('--nodes', `${nodes},127.0.0.1:1`)],
  ])('copies nothing if %s is dead, with exit status 1 and the reason', async (_title, line) => {
    await source.set('app::1', 'value');
    const result = await runCli([...line(), '--yes']);
    expect(result.status).toBe(1);
    expect(result.stdout).toMatch(/127\.0\.0\.1:1: .*ECONNREFUSED/);
    expect(await plain.keys()).toEqual([]);
  });

  test('ends at a node that is full, and says what to do', async () => {
    const full = await startServer('--maxmemory', '1mb', '--maxmemory-policy', 'noeviction');
    await source.set('app::1', 'x'.repeat(100_000));
    const result = await runCli(args('--nodes', full.location, '--yes', '--json'));
    expect(result.status).toBe(1);
    expect(recordsOf(result).at(-1)).toMatchObject({
      importedCount: 0,
      problems: [{ node: full.location, message: expect.stringMatching(/OOM.*maxmemory/s) }],
    });
  });

  test.each([
    ['no URL', ['import', '--key-format', 'default'], "missing required argument 'url'"],
    ['no key format', ['import', 'a', '--nodes', 'b'], "required option '--key-format <format>'"],
    [
      'two servers as the URL',
      ['import', 'a,b', '--nodes', 'c', '--key-format', 'default'],
      'one server, got 2',
    ],
    [
      'a rate of 0',
      ['import', 'a', '--nodes', 'c', '--key-format', 'default', '--rate', '0'],
      'from 1 to 1000000',
    ],
    [
      'a namespace that the format does not allow',
      ['import', 'a', '--nodes', 'c', '--key-format', 'keyv-redis', '--namespace', 'a::b'],
      'must neither contain the separator',
    ],
  ])('refuses %s with exit status 2', async (_title, line, message) => {
    const { status, stderr } = await runCli(line);
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });

  test('refuses to copy without --yes if nobody can answer, with exit status 2', async () => {
    const { status, stderr } = await runCli(args());
    expect(stderr).toContain('add --yes');
    expect(status).toBe(2);
  });

  test('never shows the password of the source', async () => {
    const locked = await startServer('--requirepass', 'correct-horse');
    const line = (password: string) => [
      ...['import', `redis://:${password}@${locked.location}`, '--nodes', nodes],
      ...['--key-format', 'default', '--yes'],
    ];
    const right = await runCli(line('correct-horse'));
    const wrong = await runCli(line('correct-horses'));
    expect([right.status, wrong.status]).toEqual([0, 1]);
    expect(JSON.stringify([right, wrong])).not.toContain('correct-horse');
  });
});
