import { beforeAll, describe, expect, test } from '@jest/globals';
import type { RedisServers } from 'redis-launcher';
import { runProgram, startBlackHole, startFullServer, startServers } from '../support/index.js';

let redis: RedisServers;

beforeAll(async () => {
  redis = await startServers({ count: 1 });
});

/** Nothing listens on port 1. */
const DEAD = '127.0.0.1:1';

describe('a process exits after disconnect()', () => {
  test('of a store over live nodes', async () => {
    const program = `
      const store = new DRedisStore(locations);
      await store.set('key', 'value');
      console.log(await store.get('key'));
      await store.disconnect();`;
    expect(await runProgram(redis.locations, program)).toEqual({ code: 0, output: 'value\nexits\n' });
  });

  test('of a store that is reconnecting to a dead node', async () => {
    const program = `
      const store = new DRedisStore(locations);
      await store.connect().catch((error) => console.log(error.code));
      await store.disconnect();`;
    const expected = { code: 0, output: 'DREDIS_CONNECT_INCOMPLETE\nexits\n' };
    expect(await runProgram([...redis.locations, DEAD], program)).toEqual(expected);
  });

  test.each([
    ['accepts connections but never answers', startBlackHole],
    ['does not even accept connections', startFullServer],
  ])('of a store that is connecting to a server that %s', async (_name, start) => {
    const { location } = await start();
    const program = `
      const options = { connectTimeoutMs: 600_000, commandTimeoutMs: 600_000, disconnectTimeoutMs: 50 };
      const store = new DRedisStore(locations, options);
      store.connect().catch((error) => console.log(error.code));
      store.get('key').catch((error) => console.log(error.code));
      await store.disconnect();`;
    const { code, output } = await runProgram([location], program);
    expect(output.trim().split('\n').sort()).toEqual([
      'DREDIS_CONNECT_INCOMPLETE',
      'DREDIS_NODE_UNAVAILABLE',
      'exits',
    ]);
    expect(code).toBe(0);
  });

  test('of a store with a client factory, in the tick of the first call', async () => {
    const program = `
      const store = new DRedisStore([() => createClient({ url: 'redis://' + locations[0] })], { disconnectTimeoutMs: 0 });
      store.get('key').catch((error) => console.log(error.code));
      await store.disconnect();`;
    expect(await runProgram(redis.locations, program)).toEqual({
      code: 0,
      output: 'DREDIS_NODE_UNAVAILABLE\nexits\n',
    });
  });

  test('of a store over an external client once the caller has closed the client', async () => {
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

test('a process exits without disconnect() if its store only waits to reconnect', async () => {
  const program = `
    const store = new DRedisStore(locations);
    await store.get('key').catch((error) => console.log(error.code));`;
  expect(await runProgram([DEAD], program)).toEqual({ code: 0, output: 'DREDIS_NODE_UNAVAILABLE\nexits\n' });
});
