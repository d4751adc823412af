import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type RedisServers, startRedis } from 'redis-launcher';
import { fullServer } from '../support/full-server.js';
import { runProgram } from '../support/program.js';
import { blackHole } from '../support/stub-server.js';

let redis: RedisServers;
const stubs: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  redis = await startRedis({ count: 1 });
});

afterEach(async () => {
  await Promise.all(stubs.splice(0).map((stub) => stub.stop()));
});

afterAll(() => redis?.stop());

const DEAD = '127.0.0.1:1';

describe('a process exits by itself after disconnect()', () => {
  test('of a store over live nodes', async () => {
    const program = `
      const store = new DRedisStore(locations);
      await store.set('key', 'value');
      console.log(await store.get('key'));
      await store.disconnect();`;
    expect(await runProgram(redis.locations, program)).toEqual({ code: 0, output: 'value\nexits\n' });
  });

  test('of a store with a dead node that it goes on trying to reach', async () => {
    const program = `
      const store = new DRedisStore(locations);
      await store.connect().catch((error) => console.log(error.code));
      await store.disconnect();`;
    const expected = { code: 0, output: 'DREDIS_CONNECT_INCOMPLETE\nexits\n' };
    expect(await runProgram([...redis.locations, DEAD], program)).toEqual(expected);
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
    [
      'does not even accept',
      async () => {
        const full = await fullServer();
        stubs.push(full);
        return full.location;
      },
    ],
  ])('of a store that is connecting to a server which %s', async (_name, location) => {
    const program = `
      const options = { connectTimeoutMs: 600_000, commandTimeoutMs: 600_000, disconnectTimeoutMs: 50 };
      const store = new DRedisStore(locations, options);
      store.connect().catch((error) => console.log(error.code));
      store.get('key').catch((error) => console.log(error.code));
      await store.disconnect();`;
    const { code, output } = await runProgram([await location()], program);
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
    expect(await runProgram(redis.locations, program)).toEqual({
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
    expect(await runProgram(redis.locations, program)).toEqual({ code: 0, output: 'value\nexits\n' });
  });
});

test('a process whose store only waits to try again exits even without disconnect()', async () => {
  const program = `
    const store = new DRedisStore(locations);
    await store.get('key').catch((error) => console.log(error.code));`;
  expect(await runProgram([DEAD], program)).toEqual({ code: 0, output: 'DREDIS_NODE_UNAVAILABLE\nexits\n' });
});
