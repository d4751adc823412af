import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type RedisServer, type RedisServers, startRedis } from 'redis-launcher';
import { blackHole, type StubServer } from './support/stub-server.js';

const TSX = import.meta.resolve('tsx');
const SOURCE = fileURLToPath(new URL('../src/index.ts', import.meta.url));
const TSCONFIG = fileURLToPath(new URL('../tsconfig.json', import.meta.url));

let redis: RedisServers;
const stubs: Pick<StubServer, 'stop'>[] = [];

beforeAll(async () => {
  redis = await startRedis({ count: 1 });
});

afterEach(async () => {
  await Promise.all(stubs.splice(0).map((stub) => stub.stop()));
});

afterAll(() => redis?.stop());

/**
 * Runs a program that has `DRedisStore` and `createClient`, and `locations`. Whatever it leaves open
 * keeps it alive, and the test ends for lack of time.
 */
function run(
  locations: readonly string[],
  program: string,
): Promise<{ code: number | null; output: string }> {
  const script = `
    import { createClient } from 'redis';
    import { DRedisStore } from ${JSON.stringify(SOURCE)};
    const locations = ${JSON.stringify(locations)};
    process.on('exit', () => console.log('exits'));
    ${program}`;
  const child = spawn(process.execPath, ['--import', TSX, '--input-type=module', '--eval', script], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { ...process.env, TSX_TSCONFIG_PATH: TSCONFIG },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 20_000,
    killSignal: 'SIGKILL',
  });
  let output = '';
  child.stdout.on('data', (text) => (output += text));
  child.stderr.on('data', (text) => (output += text));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, output })));
}

const DEAD = '127.0.0.1:1';

/** A stopped server whose queue is full: the system leaves a further TCP connect without an answer. */
async function fullServer(): Promise<string> {
  const full = await startRedis({ count: 1, args: ['--tcp-backlog', '1'] });
  const server = full.servers[0] as RedisServer;
  await server.pause();
  const waiting = Array.from({ length: 8 }, () =>
    connect(server.port, server.host).on('error', () => undefined),
  );
  await Promise.all(waiting.slice(0, 2).map((socket) => once(socket, 'connect')));
  stubs.push({
    stop: async () => {
      for (const socket of waiting) socket.destroy();
      await full.stop();
    },
  });
  return server.location;
}

describe('a process exits by itself after disconnect()', () => {
  test('of a store over live nodes', async () => {
    const program = `
      const store = new DRedisStore(locations);
      await store.set('key', 'value');
      console.log(await store.get('key'));
      await store.disconnect();`;
    expect(await run(redis.locations, program)).toEqual({ code: 0, output: 'value\nexits\n' });
  });

  test('of a store with a dead node that it goes on trying to reach', async () => {
    const program = `
      const store = new DRedisStore(locations);
      await store.connect().catch((error) => console.log(error.code));
      await store.disconnect();`;
    const expected = { code: 0, output: 'DREDIS_CONNECT_INCOMPLETE\nexits\n' };
    expect(await run([...redis.locations, DEAD], program)).toEqual(expected);
  });

  test.each([
    [
      'accepts and never answers',
      async () => {
        const hole = await blackHole();
        stubs.push(hole);
        return hole.location;
      },
    ],
    ['does not even accept', fullServer],
  ])('of a store that is connecting to a server which %s', async (_name, location) => {
    const program = `
      const options = { connectTimeoutMs: 600_000, commandTimeoutMs: 600_000, disconnectTimeoutMs: 50 };
      const store = new DRedisStore(locations, options);
      store.connect().catch((error) => console.log(error.code));
      store.get('key').catch((error) => console.log(error.code));
      await store.disconnect();`;
    const { code, output } = await run([await location()], program);
    expect(output.trim().split('\n').sort()).toEqual([
      'DREDIS_CONNECT_INCOMPLETE',
      'DREDIS_NODE_UNAVAILABLE',
      'exits',
    ]);
    expect(code).toBe(0);
  });

  test('of a store with a factory, at once after the first call', async () => {
    const program = `
      const store = new DRedisStore([() => createClient({ url: 'redis://' + locations[0] })], { disconnectTimeoutMs: 0 });
      store.get('key').catch((error) => console.log(error.code));
      await store.disconnect();`;
    expect(await run(redis.locations, program)).toEqual({
      code: 0,
      output: 'DREDIS_NODE_UNAVAILABLE\nexits\n',
    });
  });

  test('of a store over a client of the caller’s, once the caller closes it', async () => {
    const program = `
      const client = createClient({ url: 'redis://' + locations[0] });
      const store = new DRedisStore([client]);
      await store.set('key', 'value');
      await store.disconnect();
      console.log(await client.get('keyv:key'));
      await client.close();`;
    expect(await run(redis.locations, program)).toEqual({ code: 0, output: 'value\nexits\n' });
  });
});

test('a process whose store only waits to try again exits even without disconnect()', async () => {
  const program = `
    const store = new DRedisStore(locations);
    await store.get('key').catch((error) => console.log(error.code));`;
  expect(await run([DEAD], program)).toEqual({ code: 0, output: 'DREDIS_NODE_UNAVAILABLE\nexits\n' });
});
