import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { RedisServer } from 'redis-launcher';
import { CommandFailedError, type DRedisStore } from '../../src/index.js';
import { connectClient, entriesOf, openStoreOver, rejection, startServer } from '../support/index.js';

// While more than 16 calls are pending, calls share commands. The tests read the command counts of the server, so
// this file uses its own.

const COUNT = 60;
/** The first calls, which are sent alone. */
const ALONE = 16;
const TTL_MS = 600_000;
const KEYS = Array.from({ length: COUNT }, (_, index) => `a${index}`);

let server: RedisServer;
let client: Awaited<ReturnType<typeof connectClient>>;

beforeAll(async () => {
  server = await startServer();
  client = await connectClient(server.location);
});

beforeEach(async () => {
  await client.configSet('maxmemory', '0');
  await client.flushAll();
});

async function open(location: string | object = server.location): Promise<DRedisStore> {
  const store = openStoreOver([location] as string[], { namespace: 'app' });
  await store.connect();
  return store;
}

const onEach = <T>(call: (key: string, index: number) => Promise<T>) => Promise.all(KEYS.map(call));
const settleEach = (call: (key: string) => Promise<unknown>) => Promise.allSettled(KEYS.map(call));

/** How often the server executed a command, also in scripts. */
async function callCount(command: string): Promise<number> {
  const stats = await client.info('commandstats');
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}

const countsOf = async (...commands: string[]) =>
  Object.fromEntries(await Promise.all(commands.map(async (command) => [command, await callCount(command)])));

describe('calls share a command:', () => {
  test('get(), with one MGET', async () => {
    const store = await open();
    await store.setMany(KEYS.slice(1).map((key) => ({ key, value: key })));
    await client.configResetStat();
    const values = await onEach((key) => store.get(key));
    expect(values).toEqual([undefined, ...KEYS.slice(1)]);
    expect(await countsOf('get', 'mget')).toEqual({ get: ALONE, mget: 1 });
  });

  test('set() without an expiry, with one MSET', async () => {
    const store = await open();
    await client.configResetStat();
    expect(await onEach((key) => store.set(key, `<${key}>`))).toEqual(KEYS.map(() => true));
    expect(await countsOf('set', 'mset', 'eval')).toEqual({ set: ALONE, mset: 1, eval: 0 });
    expect(await store.getMany(KEYS)).toEqual(KEYS.map((key) => `<${key}>`));
    expect(await client.pTTL('app:a59')).toBe(-1);
  });

  test('set() with expiries, with one script', async () => {
    const store = await open();
    await client.configResetStat();
    const expires = (index: number) => (index % 3 === 0 ? undefined : Date.now() + TTL_MS + index * 10_000);
    expect(await onEach((key, index) => store.set(key, `<${key}>`, expires(index)))).toEqual(
      KEYS.map(() => true),
    );
    expect(await countsOf('set', 'mset', 'eval')).toEqual({ set: COUNT, mset: 0, eval: 1 });
    expect(await store.getMany(KEYS)).toEqual(KEYS.map((key) => `<${key}>`));
    for (const index of [1, 2, 40, 58, 59]) {
      const ttlMs = await client.pTTL(`app:a${index}`);
      expect(ttlMs).toBeLessThanOrEqual(TTL_MS + index * 10_000);
      expect(ttlMs).toBeGreaterThan(TTL_MS + index * 10_000 - 9_000);
    }
    for (const index of [0, 57]) expect(await client.pTTL(`app:a${index}`)).toBe(-1);
  });

  test('set() with an expiry in the past removes the key', async () => {
    const store = await open();
    await store.setMany(KEYS.map((key) => ({ key, value: 'old' })));
    await client.configResetStat();
    await onEach((key, index) => store.set(key, 'new', index % 2 ? Date.now() - 1 : Date.now() + TTL_MS));
    expect(await callCount('eval')).toBe(1);
    expect(await store.getMany(KEYS)).toEqual(KEYS.map((_, index) => (index % 2 ? undefined : 'new')));
  });

  test('has() and delete(), with one script each, and each caller gets its own result', async () => {
    const store = await open();
    const isStored = (index: number) => index % 3 !== 0;
    await store.setMany(KEYS.filter((_, index) => isStored(index)).map((key) => ({ key, value: 'value' })));
    await client.configResetStat();
    const stored = KEYS.map((_, index) => isStored(index));
    expect(await onEach((key) => store.has(key))).toEqual(stored);
    expect(await onEach((key) => store.delete(key))).toEqual(stored);
    expect(await onEach((key) => store.delete(key))).toEqual(KEYS.map(() => false));
    expect(await callCount('eval')).toBe(3);
    expect(await entriesOf(store)).toEqual([]);
  });

  test('calls of several kinds, with one command for each kind', async () => {
    const store = await open();
    await client.configResetStat();
    await onEach<unknown>((key, index) => (index % 2 ? store.get(key) : store.set(key, 'value')));
    expect(await countsOf('get', 'mget', 'set', 'mset')).toEqual({ get: 8, mget: 1, set: 8, mset: 1 });
  });

  test('of text and bytes, of any length', async () => {
    const store = await open();
    await client.configResetStat();
    const values = KEYS.map((_, index) => {
      if (index % 4 === 0) return Buffer.from([0xff, index, 0x00, 0x0d, 0x0a]);
      return index % 4 === 1 ? `ü\u{1f600}\r\n${index}` : '';
    });
    values[50] = 'x'.repeat(3 * 2 ** 20);
    values[55] = Buffer.alloc(2 ** 17, 7);
    for (const expires of [undefined, Date.now() + TTL_MS]) {
      await onEach((key, index) => store.set(key, values[index], expires));
      expect(await onEach((key) => store.get(key))).toEqual(values);
      expect(await onEach((key) => store.delete(key))).toEqual(KEYS.map(() => true));
    }
  });
});

test.each([undefined, TTL_MS])(
  'calls for one key in one turn take effect in their order, with a time to live of %p',
  async (ttlMs) => {
    const store = await open();
    await client.configResetStat();
    const expires = ttlMs && Date.now() + ttlMs;
    const others = onEach((key) => store.set(key, 'other', expires));
    const outcomes = Promise.all([
      store.get('key'),
      store.set('key', '1', expires),
      store.set('key', '2', expires),
      store.get('key'),
      store.has('key'),
      store.delete('key'),
      store.get('key'),
      store.delete('key'),
      store.set('key', '3', expires),
      store.getMany(['key']),
      store.deleteMany(['key']),
      store.has('key'),
      store.setMany([{ key: 'key', value: '4' }]),
      store.get('key'),
      store.set('key', '5', expires),
    ]);
    expect(await outcomes).toEqual([
      undefined,
      true,
      true,
      '2',
      true,
      true,
      undefined,
      false,
      true,
      ['3'],
      [true],
      false,
      [true],
      '4',
      true,
    ]);
    await others;
    expect(await store.get('key')).toBe('5');
  },
);

test('clear() removes what calls before it wrote in the same turn, and nothing that calls after it wrote', async () => {
  const store = await open();
  const before = onEach((key) => store.set(key, 'before'));
  const cleared = store.clear();
  const after = store.set('a59', 'after');
  await Promise.all([before, cleared, after]);
  expect(await entriesOf(store)).toEqual([['a59', 'after']]);
});

test('disconnect() sends the calls that were made before', async () => {
  const store = await open();
  const stored = onEach((key) => store.set(key, 'value'));
  await store.disconnect();
  await stored;
  expect(await client.dbSize()).toBeGreaterThanOrEqual(COUNT);
});

describe('a shared command that times out', () => {
  const TIMEOUT_MS = 250;

  async function openPaused(): Promise<DRedisStore> {
    const store = openStoreOver([server.location], { namespace: 'app', commandTimeoutMs: TIMEOUT_MS });
    store.on('error', () => {});
    await store.connect();
    await client.configResetStat();
    await client.sendCommand(['CLIENT', 'PAUSE', String(2 * TIMEOUT_MS), 'ALL']);
    return store;
  }

  test('counts as so many timeouts as it has calls, so that the node is down', async () => {
    const store = await openPaused();
    await settleEach((key) => store.set(key, 'value'));
    expect(store.status().nodes).toMatchObject([{ state: 'down' }]);
  });

  test('counts once if it is the command of one call with many keys', async () => {
    const store = await openPaused();
    await store.getMany(KEYS);
    expect(store.status().nodes).toMatchObject([{ state: 'suspect' }]);
  });
});

describe('a call that the server refuses does not affect the others:', () => {
  const openAs = async (...rules: string[]) => {
    await client.sendCommand([
      'ACL',
      'SETUSER',
      'app',
      'reset',
      'on',
      '>secret',
      '~%dredis:*',
      '+@all',
      ...rules,
    ]);
    return open(`redis://app:secret@${server.location}`);
  };
  const isAllowed = (index: number) => index % 2 === 0 || index < 40;
  const expectRefused = (outcomes: readonly PromiseSettledResult<unknown>[]) => {
    outcomes.forEach((outcome, index) => {
      expect(outcome.status).toBe(isAllowed(index) ? 'fulfilled' : 'rejected');
      if (outcome.status === 'fulfilled') return;
      expect(outcome.reason).toBeInstanceOf(CommandFailedError);
      expect(String(outcome.reason)).toContain('NOPERM');
    });
  };

  test.each(['get()', 'has()', 'set() without an expiry', 'set() with an expiry', 'delete()'])(
    '%s for a key without permission',
    async (method) => {
      const keys = KEYS.flatMap((key, index) => (isAllowed(index) ? [`~app:${key}`] : []));
      const store = await openAs(...keys);
      await settleEach((key) => store.has(key));
      const calls: Record<string, (key: string) => Promise<unknown>> = {
        'get()': (key) => store.get(key),
        'has()': (key) => store.has(key),
        'set() without an expiry': (key) => store.set(key, 'value'),
        'set() with an expiry': (key) => store.set(key, 'value', Date.now() + TTL_MS),
        'delete()': (key) => store.delete(key),
      };
      expectRefused(await settleEach(calls[method] as (key: string) => Promise<unknown>));
    },
  );

  test('a command without permission in a script', async () => {
    const store = await openAs('~*', '-unlink');
    await settleEach((key) => store.has(key));
    const outcomes = await settleEach((key) =>
      store.set(key, 'value', key === 'a50' ? Date.now() - 1 : Date.now() + TTL_MS),
    );
    expect(outcomes.flatMap(({ status }, index) => (status === 'rejected' ? [KEYS[index]] : []))).toEqual([
      'a50',
    ]);
  });

  test('a key with another type', async () => {
    const store = await open();
    await client.lPush('app:a0', 'item');
    await client.lPush('app:a50', 'item');
    expect(await onEach((key) => store.get(key))).toEqual(KEYS.map(() => undefined));
    await onEach((key) => store.set(key, 'value', Date.now() + TTL_MS));
    expect(await onEach((key) => store.get(key))).toEqual(KEYS.map(() => 'value'));
  });
});

test.each(['eval', 'mset'])('a server that refuses %s gets single commands', async (refused) => {
  await client.sendCommand(['ACL', 'SETUSER', 'app', 'reset', 'on', '>secret', '~*', '+@all', `-${refused}`]);
  const store = await open(`redis://app:secret@${server.location}`);
  await onEach((key) => store.has(key));
  for (const expires of [undefined, Date.now() + TTL_MS]) {
    await onEach((key) => store.set(key, `<${key}>`, expires));
    expect(await onEach((key) => store.get(key))).toEqual(KEYS.map((key) => `<${key}>`));
    expect(await onEach((key) => store.has(key))).toEqual(KEYS.map(() => true));
    expect(await onEach((key) => store.delete(key))).toEqual(KEYS.map(() => true));
  }
});

test('a server is asked on each new connection whether it runs scripts, and not again', async () => {
  await client.sendCommand(['ACL', 'SETUSER', 'app', 'reset', 'on', '>secret', '~*', '+@all', '-eval']);
  const rejectedCount = async () =>
    Number(/cmdstat_eval:\S*rejected_calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0);
  await client.configResetStat();
  const store = await open(`redis://app:secret@${server.location}`);
  const askedCount = await rejectedCount();
  expect(askedCount).toBeGreaterThan(0);
  for (let round = 0; round < 3; round += 1) await onEach((key) => store.has(key));
  expect(await rejectedCount()).toBe(askedCount);
  // From the next connection on, the user has the permission.
  await client.sendCommand(['ACL', 'SETUSER', 'app', '+eval']);
  await client.sendCommand(['CLIENT', 'KILL', 'USER', 'app']);
  await onEach((key) => store.has(key));
  await client.configResetStat();
  await onEach((key) => store.has(key));
  expect(await callCount('eval')).toBe(1);
});

test('a shared command that becomes forbidden is not sent again on this connection', async () => {
  await client.sendCommand(['ACL', 'SETUSER', 'app', 'reset', 'on', '>secret', '~*', '+@all']);
  const store = await open(`redis://app:secret@${server.location}`);
  await onEach((key) => store.has(key));
  await client.sendCommand(['ACL', 'SETUSER', 'app', '-eval', '-mset', '-mget']);
  for (let round = 0; round < 3; round += 1) {
    await onEach((key) => store.set(key, `<${round}>`));
    expect(await onEach((key) => store.get(key).catch(() => 'refused'))).toContain(`<${round}>`);
    expect(await onEach((key) => store.delete(key))).toEqual(KEYS.map(() => true));
  }
  const stats = await client.info('commandstats');
  for (const command of ['eval', 'mset', 'mget']) {
    const [, count] = new RegExp(`cmdstat_${command}:\\S*rejected_calls=(\\d+)`).exec(stats) ?? [];
    expect(Number(count)).toBeGreaterThan(0);
  }
});

test('a server that is full rejects each write, and removals go on', async () => {
  const store = await open();
  await onEach((key) => store.set(key, 'x'.repeat(1000)));
  await client.configResetStat();
  await client.configSet('maxmemory', '1');
  for (const expires of [undefined, Date.now() + TTL_MS]) {
    const outcomes = await settleEach((key) => store.set(key, 'new', expires));
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(CommandFailedError) });
    }
  }
  expect(await rejection(store.set('one', 'new'))).toBeInstanceOf(CommandFailedError);
  expect(await onEach((key) => store.delete(key))).toEqual(KEYS.map(() => true));
});
