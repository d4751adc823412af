import { beforeAll, describe, expect, test } from '@jest/globals';
import { HashRing } from 'hash-ring';
import type { RedisServers } from 'redis-launcher';
import { recordsOf, runCli, startCliInTerminal } from '../support/cli.js';
import { connectClient, openStoreOver, startServer, startServers, startStub } from '../support/index.js';

let redis: RedisServers;
let nodes: string;

beforeAll(async () => {
  redis = await startServers({ count: 3 });
  nodes = redis.locations.join();
});

const SECRET = 'correct-horse';

const connectOwner = (key: string) => connectClient(new HashRing(redis.locations).get(key) as string);

async function explain(...args: string[]) {
  const result = await runCli(['explain', ...args, '--nodes', nodes, '--json']);
  expect(result.stderr).toBe('');
  const [record] = recordsOf(result);
  return { status: result.status, ...record };
}

describe('keyv-dredis explain', () => {
  test('shows the owner that the store uses, and what is there', async () => {
    const store = openStoreOver(redis.locations, { namespace: 'app' });
    await store.set('user:1', 'x'.repeat(1234), Date.now() + 60_000);
    const ring = new HashRing(redis.locations);
    const found = await explain('user:1', '--namespace', 'app');
    expect(found).toEqual({
      status: 0,
      key: 'app:user:1',
      point: ring.pointOf('app:user:1'),
      epoch: 0,
      from: null,
      owner: store.locate('user:1').node,
      belongsTo: null,
      waitsFor: null,
      next: ring.replicas('app:user:1', 3).slice(1),
      entry: { type: 'string', bytes: 1234, ttlMs: expect.any(Number) },
      elsewhere: [],
      problems: [],
    });
    const { ttlMs } = (found as unknown as { entry: { ttlMs: number } }).entry;
    expect(ttlMs).toBeGreaterThan(30_000);
    expect(ttlMs).toBeLessThanOrEqual(60_000);
  });

  test('prints the same as text', async () => {
    await (await connectOwner('app:text')).set('app:text', 'value');
    const { status, stdout } = await runCli(['explain', 'text', '--namespace', 'app', '--nodes', nodes]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^key +app:text$/m);
    expect(stdout).toMatch(/^owner +127\.0\.0\.1:\d+$/m);
    expect(stdout).toMatch(/^next in line +127\.0\.0\.1:\d+, 127\.0\.0\.1:\d+$/m);
    expect(stdout).toMatch(/^entry +string, 5 B, never expires$/m);
  });

  test.each([
    [['k'], 'keyv:k'],
    [['k', '--namespace', 'a:b'], 'a%3Ab:k'],
    [['k', '--key-format', 'raw'], 'k'],
    [['k', '--namespace', 'app', '--key-format', 'keyv-redis'], 'app::k'],
  ])('builds the full key as the store does: %j is %s', async (args, key) => {
    expect(await explain(...args)).toMatchObject({ status: 0, key, entry: null });
  });

  test('shows the type and the memory of a value that is no string', async () => {
    await (await connectOwner('app:list')).rPush('app:list', 'item');
    expect(await explain('list', '--namespace', 'app')).toMatchObject({
      entry: { type: 'list', bytes: expect.any(Number) },
    });
  });

  test('shows nodes that hold the key although they do not own it', async () => {
    const [, , last] = new HashRing(redis.locations).replicas('app:lost', 3) as [string, string, string];
    await (await connectClient(last)).set('app:lost', 'value');
    expect(await explain('lost', '--namespace', 'app')).toMatchObject({ status: 0, elsewhere: [last] });
    const { stdout } = await runCli(['explain', 'lost', '--namespace', 'app', '--nodes', nodes]);
    expect(stdout).toMatch(
      new RegExp(`^also on +${last} \\(which does not own it.*keyv-dredis orphans`, 'm'),
    );
  });

  test('escapes control characters of a key in text', async () => {
    const { stdout } = await runCli(['explain', '\x1b[31mred', '--key-format', 'raw', '--nodes', nodes]);
    expect(stdout).toContain('\\u001b[31mred');
    expect(stdout).not.toContain('\x1b');
  });

  test('shows where a key belongs although its owner is dead, with exit status 1 and the reason', async () => {
    const dead = '127.0.0.1:1';
    const ring = new HashRing([...redis.locations, dead]);
    const key = Array.from({ length: 1000 }, (_, i) => `k${i}`).find(
      (name) => ring.get(`keyv:${name}`) === dead,
    );
    const result = await runCli(['explain', key as string, '--nodes', `${nodes},${dead}`]);
    expect(result.status).toBe(1);
    expect(result.stdout).toMatch(/^owner +127\.0\.0\.1:1$/m);
    expect(result.stdout).toMatch(/^entry +unknown$/m);
    expect(result.stdout).toMatch(/^127\.0\.0\.1:1: .*ECONNREFUSED.*start the server/m);
  });

  test('says that the other side is no Redis server', async () => {
    const { location } = await startStub((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const result = await runCli(['explain', 'k', '--nodes', location]);
    expect(result.status).toBe(1);
    expect(result.stdout).toContain('not a Redis server');
  });

  test.each([
    ['no key', ['explain', '--nodes', 'a'], "missing required argument 'key'"],
    [
      'an unknown key format',
      ['explain', 'k', '--key-format', 'x'],
      'Allowed choices are default, raw, keyv-redis',
    ],
    [
      'a reserved key',
      ['explain', '%dredis:run', '--key-format', 'raw', '--nodes', 'a'],
      'must not begin with %dredis:',
    ],
    ['no nodes', ['explain', 'k'], 'Pass --nodes'],
  ])('refuses %s with exit status 2', async (_title, args, message) => {
    const { status, stderr } = await runCli(args);
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });
});

describe('a password', () => {
  let location: string;

  beforeAll(async () => {
    location = (await startServer('--requirepass', SECRET)).location;
  });

  const hidden = (result: { stdout: string; stderr: string }) =>
    expect(result.stdout + result.stderr).not.toContain(SECRET);

  test.each([
    ['the URL', `redis://:${SECRET}@`, {}],
    ['DREDIS_PASSWORD', '', { DREDIS_PASSWORD: SECRET }],
  ])('is taken from %s', async (_title, scheme, env) => {
    const result = await runCli(['explain', 'k', '--nodes', `${scheme}${location}`], env);
    expect(result.status).toBe(0);
    hidden(result);
  });

  test('is explained if it is missing, and nobody can be asked', async () => {
    const result = await runCli(['explain', 'k', '--nodes', location]);
    expect(result.status).toBe(1);
    expect(result.stdout).toContain('set DREDIS_PASSWORD');
  });

  test('does not show if it is wrong', async () => {
    const result = await runCli(['explain', 'k', '--nodes', location], {
      DREDIS_PASSWORD: `${SECRET}-wrong`,
    });
    expect(result.status).toBe(1);
    expect(result.stdout).toContain('correct DREDIS_PASSWORD');
    hidden(result);
  });

  test('is asked for in a terminal, and the terminal does not show it', async () => {
    const cli = await startCliInTerminal(['explain', 'k', '--nodes', location]);
    await cli.printed(`Password for ${location}:`);
    cli.process.stdin?.write(`${SECRET}\n`);
    const result = await cli.result;
    expect(result.stdout).toMatch(/entry .*none/);
    expect(result.status).toBe(0);
    hidden(result);
  });

  test('need not be given: Ctrl-C at the question ends with exit status 1', async () => {
    const cli = await startCliInTerminal(['explain', 'k', '--nodes', location]);
    await cli.printed('Password for');
    cli.process.stdin?.write('\x03');
    const { status, stdout } = await cli.result;
    expect(status).toBe(1);
    expect(stdout).toContain('Stopped.');
  });
});

describe('colours', () => {
  test('are in a terminal only, and not with NO_COLOR', async () => {
    const args = ['explain', 'k', '--nodes', nodes];
    const inTerminal = async (env = {}) => (await (await startCliInTerminal(args, env)).result).stdout;
    expect(await inTerminal()).toContain('\x1b[2m');
    expect(await inTerminal({ NO_COLOR: '1' })).not.toContain('\x1b[2m');
    expect((await runCli(args, { TERM: 'xterm', FORCE_COLOR: '1' })).stdout).not.toContain('\x1b[2m');
  });
});
