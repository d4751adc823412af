import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { HashRing } from 'hash-ring';
import { recordsOf, runCli } from '../support/cli.js';
import { connectClient, openStoreOver, startServers } from '../support/index.js';

// The tests use the ACL user from docs/cli.md.

const page = await readFile(new URL('../../../../docs/cli.md', import.meta.url), 'utf8');
const [SETUSER = ''] = /^ACL SETUSER .*$/m.exec(page) ?? [];
const [, , username = '', ...rules] = SETUSER.split(' ');

let nodes: string;
let url: string;
let source: Awaited<ReturnType<typeof connectClient>>;
let cache: Awaited<ReturnType<typeof connectClient>>;

const login = (location: string) => `redis://${username}:password@${location}`;

beforeAll(async () => {
  const { locations } = await startServers({ count: 3 });
  const [one, two, three] = locations as [string, string, string];
  const named = [
    { url: login(one), name: 'one' },
    { url: login(two), name: 'two' },
  ];
  nodes = JSON.stringify(named);
  url = login(three);
  source = await connectClient(three);
  cache = await connectClient(one);
  for (const location of locations) {
    await (await connectClient(location)).sendCommand(['ACL', 'SETUSER', username, ...rules]);
  }
  await cache.sAdd('%dredis:prefixes', 'run');
  await cache.sAdd('%dredis:prefixes:run', 'app:');
});

/** A key that the second node owns. */
const STRAY = Array.from({ length: 100 }, (_, i) => `app:${i}`).find(
  (key) => new HashRing(['one', 'two']).get(key) === 'two',
) as string;

describe('the ACL user of docs/cli.md has all permissions for', () => {
  test.each([
    ['status', ['status'], {}],
    ['explain', ['explain', STRAY, '--key-format', 'raw'], { elsewhere: ['one'] }],
    ['orphans', ['orphans', '--remove', '--yes'], { nodes: [{ removedCount: 1 }, { removedCount: 0 }] }],
  ])('%s', async (_name, args, expected) => {
    await cache.set(STRAY, 'value');
    const result = await runCli([...args, '--json', '--nodes', nodes]);
    expect(recordsOf(result)).toEqual([expect.objectContaining({ problems: [] })]);
    expect(recordsOf(result)).toMatchObject([expected]);
    expect(result.status).toBe(0);
  });

  test('explain of a value that is no string', async () => {
    const key = Array.from({ length: 100 }, (_, i) => `app:list-${i}`).find(
      (name) => new HashRing(['one', 'two']).get(name) === 'one',
    ) as string;
    await cache.rPush(key, 'item');
    const result = await runCli(['explain', key, '--key-format', 'raw', '--json', '--nodes', nodes]);
    expect(recordsOf(result)).toMatchObject([
      { owner: 'one', entry: { type: 'list', bytes: expect.any(Number) }, problems: [] },
    ]);
  });

  test('import', async () => {
    await source.set('app:1', 'value');
    const args = ['import', url, '--key-format', 'default', '--namespace', 'app', '--json', '--nodes', nodes];
    const counted = await runCli([...args, '--dry-run']);
    const copied = await runCli([...args, '--yes']);
    for (const result of [counted, copied]) {
      expect(recordsOf(result).at(-1)).toMatchObject({ importedCount: 1, problems: [] });
      expect(result.status).toBe(0);
    }
  });

  test('add, weight, remove and resume', async () => {
    const { locations } = await startServers({ count: 3 });
    const [one, two, three] = locations as [string, string, string];
    const clients = await Promise.all(locations.map((location) => connectClient(location)));
    for (const client of clients) await client.sendCommand(['ACL', 'SETUSER', username, ...rules]);
    const store = openStoreOver([one, two], { namespace: 'app' });
    const keys = Array.from({ length: 100 }, (_, i) => `key-${i}`);
    // Long values are moved in another way.
    const value = 'x'.repeat(100_000);
    await store.setMany(keys.map((key) => ({ key, value })));
    const lines = [
      ['add', login(three), '--nodes', `${login(one)},${login(two)}`],
      ['weight', `${one}=2`, '--nodes', login(two)],
      ['remove', two, '--nodes', login(three)],
      ['resume', '--nodes', login(one)],
    ];
    for (const line of lines) {
      const { status, stderr } = await runCli([...line, '--yes']);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    }
    for (const client of clients) expect(await client.sendCommand(['ACL', 'LOG'])).toEqual([]);
    expect(await store.getMany(keys)).toEqual(keys.map(() => value));
  });
});
