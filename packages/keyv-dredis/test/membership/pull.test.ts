import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { RedisServers } from 'redis-launcher';
import { leaseKey, STAGED_PREFIX, TOPOLOGY_KEY } from '../../src/format/reserved-keys.js';
import { move, type PullRoute, pull } from '../../src/membership/pull.js';
import { formatRecord, recordHead } from '../../src/membership/record.js';
import type { Send } from '../../src/membership/send.js';
import type { Node } from '../../src/node/node.js';
import { isRefusal } from '../../src/node/replies.js';
import { MAINTENANCE } from '../../src/node/send-options.js';
import { SupersededError } from '../../src/node/superseded.js';
import {
  connectClient,
  interceptCommands,
  openNode,
  rejection,
  startServers,
  until,
} from '../support/index.js';

type Client = Awaited<ReturnType<typeof connectClient>>;

let redis: RedisServers;
let from: Client;
let to: Client;
let fromNode: Node;
let toNode: Node;

const CACHE = 'cache';
const HEAD = recordHead({ epoch: 7, cache: CACHE });

const recordOf = (epoch: number) =>
  formatRecord({ epoch, cache: CACHE, phase: 'settled', nodes: [], leaseMs: 1000, fingerprint: '' });

beforeAll(async () => {
  redis = await startServers({ count: 2 });
  [from, to] = (await Promise.all(redis.locations.map((location) => connectClient(location)))) as [
    Client,
    Client,
  ];
  [fromNode, toNode] = (await Promise.all(redis.locations.map((location) => openNode(location)))) as [
    Node,
    Node,
  ];
});

beforeEach(async () => {
  for (const client of [from, to]) {
    await client.flushAll();
    await client.set(TOPOLOGY_KEY, recordOf(7));
  }
});

const sendTo =
  (node: Node): Send =>
  (request) =>
    node.run(request, MAINTENANCE);

/** A route on which a step runs before or after each request to one of the nodes. */
function routeWith(steps: {
  readonly beforeFrom?: (count: number) => unknown;
  readonly beforeTo?: (count: number) => unknown;
}): PullRoute {
  const counts = { from: 0, to: 0 };
  return {
    head: HEAD,
    from: async (request) => {
      counts.from += 1;
      await steps.beforeFrom?.(counts.from);
      return sendTo(fromNode)(request);
    },
    to: async (request) => {
      counts.to += 1;
      await steps.beforeTo?.(counts.to);
      return sendTo(toNode)(request);
    },
  };
}

const route = routeWith({});

/** Pulls keys, and waits until they are removed from their previous owner. */
async function pullAll(keys: readonly string[], way = route) {
  const { dropped, ...result } = await pull(keys, way);
  await dropped;
  return result;
}

const countOf = async (client: Client) => (await client.keys('*')).length - 1;

describe('pull()', () => {
  test('brings an entry to its owner, with its remaining time, and removes it from its previous owner', async () => {
    await from.set('key', 'value', { expiration: { type: 'PX', value: 60_000 } });
    expect(await pullAll(['key'])).toEqual({ values: ['value'], movedCount: 1, skippedCount: 0 });
    expect(await to.get('key')).toBe('value');
    const ttlMs = await to.pTTL('key');
    expect(ttlMs).toBeGreaterThan(50_000);
    expect(ttlMs).toBeLessThanOrEqual(60_000);
    expect(await countOf(from)).toBe(0);
    expect(await countOf(to)).toBe(1);
  });

  test('keeps an entry without an expiry forever', async () => {
    await from.set('key', 'value');
    await pullAll(['key']);
    expect(await to.pTTL('key')).toBe(-1);
  });

  test('answers undefined for a key that neither node has, and leaves no lease', async () => {
    expect(await pullAll(['key'])).toEqual({ values: [undefined], movedCount: 0, skippedCount: 0 });
    expect(await countOf(to)).toBe(0);
  });

  test('answers with the entry that the owner has, whatever its previous owner has', async () => {
    await to.set('key', 'new');
    await from.set('key', 'old');
    expect(await pullAll(['key'])).toMatchObject({ values: ['new'], movedCount: 0 });
    expect(await to.get('key')).toBe('new');
  });

  test('answers for each key in order, also for keys that occur twice', async () => {
    await from.set('a', '1');
    await from.set('b', '2', { expiration: { type: 'PX', value: 60_000 } });
    await to.set('c', '3');
    const { values, movedCount } = await pullAll(['b', 'missing', 'a', 'c', 'b', 'a']);
    expect(values).toEqual(['2', undefined, '1', '3', '2', '1']);
    expect(movedCount).toBe(2);
    expect(await countOf(to)).toBe(3);
    expect(await countOf(from)).toBe(0);
  });

  test('moves thousands of keys', async () => {
    const keys = Array.from({ length: 3000 }, (_, index) => `key-${index}`);
    await from.mSet(keys.map((key) => [key, `value of ${key}`] as [string, string]));
    const { values, movedCount } = await pullAll(keys);
    expect(values).toEqual(keys.map((key) => `value of ${key}`));
    expect(movedCount).toBe(3000);
    expect(await countOf(from)).toBe(0);
  });

  test('moves keys of any Unicode and values of any bytes', async () => {
    const entry = fc.tuple(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).filter((key) => !key.startsWith('%dredis:')),
      fc.uint8Array({ maxLength: 50 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(entry, { selector: ([key]) => key, minLength: 1 }), async (entries) => {
        for (const [key, value] of entries) await from.set(key, Buffer.from(value));
        const { movedCount } = await pullAll(entries.map(([key]) => key));
        expect(movedCount).toBe(entries.length);
        const stored = to.withTypeMapping({ 36: Buffer });
        for (const [key, value] of entries) expect(await stored.get(key)).toEqual(Buffer.from(value));
        await to.unlink(entries.map(([key]) => key));
      }),
      { numRuns: 30 },
    );
  });

  test('answers with the text or the bytes that were stored', async () => {
    await from.set('tagged', Buffer.from([0xff, 0x64, 0x72, 0x00, 1, 2]));
    await from.set('bytes', Buffer.from([0xff, 0xfe]));
    await from.mSet({ text: 'ü\u0000\r\n', empty: '' });
    const { values } = await pullAll(['tagged', 'bytes', 'text', 'empty']);
    expect(values).toEqual([Buffer.from([1, 2]), Buffer.from([0xff, 0xfe]), 'ü\u0000\r\n', '']);
  });

  test.each([
    ['64 KiB', 2 ** 16],
    ['one byte more than 64 KiB', 2 ** 16 + 1],
    ['1 MiB', 2 ** 20],
    ['10 MB', 10e6],
    ['60 MB', 60e6],
  ])('moves a value of %s', async (_title, bytes) => {
    const value = Buffer.alloc(bytes, 'abc');
    await from.set('long', value, { expiration: { type: 'PX', value: 60_000 } });
    await from.set('short', 'value');
    const { values, movedCount } = await pullAll(['long', 'short']);
    expect(movedCount).toBe(2);
    expect(values[1]).toBe('value');
    expect(Buffer.from(values[0] as string).equals(value)).toBe(true);
    expect(await to.strLen('long')).toBe(bytes);
    expect(await to.pTTL('long')).toBeGreaterThan(40_000);
    expect(await countOf(from)).toBe(0);
    expect(await countOf(to)).toBe(2);
    expect((await pullAll(['long'])).values).toEqual([values[0]]);
  });

  test('moves 200 values that are too long together for one reply', async () => {
    const keys = Array.from({ length: 200 }, (_, index) => `key-${index}`);
    const value = 'x'.repeat(50_000);
    for (const key of keys) await from.set(key, value + key);
    let requestCount = 0;
    const beforeFrom = () => {
      requestCount += 1;
    };
    const { values, movedCount } = await pullAll(keys, routeWith({ beforeFrom }));
    expect(movedCount).toBe(200);
    expect(values).toEqual(keys.map((key) => value + key));
    // 10 MB, at most 350 kB per reply.
    expect(requestCount).toBeGreaterThan(30);
  });

  test('a long value that never expires does not expire at its owner either', async () => {
    await from.set('long', Buffer.alloc(1e6));
    await pullAll(['long']);
    expect(await to.pTTL('long')).toBe(-1);
  });
});

describe('pull() and time', () => {
  test('an entry that expires before it is read is missing', async () => {
    await from.set('key', 'value', { expiration: { type: 'PX', value: 20 } });
    const way = routeWith({ beforeFrom: () => expired(from, 'key') });
    expect(await pullAll(['key'], way)).toEqual({ values: [undefined], movedCount: 0, skippedCount: 0 });
    expect(await countOf(to)).toBe(0);
  });

  test.each([
    ['short', 10],
    ['long', 1e6],
  ])('a %s entry that expires after it was read is missing', async (_title, bytes) => {
    await from.set('key', Buffer.alloc(bytes), { expiration: { type: 'PX', value: 200 } });
    const way = routeWith({
      beforeTo: async (count) => {
        if (count === 1) return;
        await expired(from, 'key');
        // The reply with the remaining time may have taken a while.
        await pause(200);
      },
    });
    expect(await pullAll(['key'], way)).toEqual({ values: [undefined], movedCount: 0, skippedCount: 0 });
    expect(await countOf(to)).toBe(0);
  });

  test('an entry expires at its owner as if it had not moved, although the move takes a while', async () => {
    const expiresAt = Date.now() + 60_000;
    await from.set('key', 'value', { expiration: { type: 'PXAT', value: expiresAt } });
    // A move that does not count the pause makes the entry live a second longer.
    const way = routeWith({ beforeTo: (count) => count > 1 && pause(1000) });
    await pullAll(['key'], way);
    const leftMs = await to.pTTL('key');
    expect(Math.abs(Date.now() + leftMs - expiresAt)).toBeLessThan(500);
  });

  test('a lease lasts 30 seconds at most', async () => {
    const way = routeWith({
      beforeFrom: () => {
        throw new Error('The process ends here.');
      },
    });
    await rejection(pull(['key'], way));
    await rejection(pull(['key'], way));
    const ttlMs = await to.pTTL(leaseKey('key'));
    expect(ttlMs).toBeGreaterThan(20_000);
    expect(ttlMs).toBeLessThanOrEqual(30_000);
  });

  test('a lease that has expired is taken again', async () => {
    await from.set('key', 'value');
    const way = routeWith({ beforeTo: (count) => count === 2 && to.unlink(leaseKey('key')) });
    expect(await pullAll(['key'], way)).toMatchObject({ values: ['value'], movedCount: 1 });
  });

  test('an entry whose leases are evicted at once stays where it is', async () => {
    await from.set('key', 'value');
    const way = routeWith({ beforeTo: () => to.unlink(leaseKey('key')) });
    expect(await pullAll(['key'], way)).toEqual({ values: [undefined], movedCount: 0, skippedCount: 1 });
    expect(await from.get('key')).toBe('value');
  });
});

describe('several pulls of one key', () => {
  test('all get the value, and one moves it', async () => {
    await from.set('key', 'value');
    const results = await Promise.all(Array.from({ length: 20 }, () => pullAll(['key'])));
    expect(results.map(({ values }) => values)).toEqual(Array(20).fill(['value']));
    expect(results.map(({ movedCount }) => movedCount).sort()).toEqual([...Array(19).fill(0), 1]);
    expect(await countOf(to)).toBe(1);
  });

  test('a pull gets the value although others begin all the time', async () => {
    await from.set('key', 'value');
    const later: Promise<unknown>[] = [];
    const begin = () => later.push(pullAll(['key']));
    const { values } = await pullAll(['key'], routeWith({ beforeFrom: begin, beforeTo: begin }));
    expect(values).toEqual(['value']);
    await Promise.all(later);
  });

  test('a pull that has lost its lease to a delete does not use the lease that follows', async () => {
    await from.set('key', 'old');
    const way = routeWith({
      beforeTo: async (count) => {
        if (count !== 2) return;
        await from.unlink('key');
        await to.unlink([leaseKey('key'), 'key']);
        // Another pull has a lease now, and is paused.
        await rejection(pull(['key'], routeWith({ beforeFrom: () => Promise.reject(new Error('paused')) })));
      },
    });
    expect(await pullAll(['key'], way)).toMatchObject({ values: [undefined], movedCount: 0 });
    expect(await to.get('key')).toBeNull();
  });
});

describe('a write while a pull is under way', () => {
  const write = async (value: string) => {
    await from.unlink('key');
    await to.multi().unlink(leaseKey('key')).set('key', value).exec();
  };

  test.each([
    ['short', 10],
    ['long', 1e6],
  ])('wins over a %s value that the pull has read', async (_title, bytes) => {
    await from.set('key', Buffer.alloc(bytes, 'x'));
    const steps = bytes > 10 ? 4 : 2;
    const way = routeWith({ beforeTo: (count) => count === steps && write('fresh') });
    expect(await pullAll(['key'], way)).toMatchObject({ values: ['fresh'], movedCount: 0 });
    expect(await to.get('key')).toBe('fresh');
    expect(await countOf(to)).toBe(1);
  });

  test.each([
    ['short', 10, 2],
    ['long', 1e6, 4],
  ])('wins over a %s value although its own has expired again', async (_title, bytes, steps) => {
    await from.set('key', Buffer.alloc(bytes));
    const way = routeWith({
      beforeTo: async (count) => {
        if (count !== steps) return;
        await write('fresh');
        await to.unlink('key');
      },
    });
    expect(await pullAll(['key'], way)).toMatchObject({ values: [undefined], movedCount: 0 });
    expect(await countOf(to)).toBe(0);
  });
});

/** A route that changes something before the last command that reads a long value, or its remaining time. */
async function routeWithChange(command: string, change: () => Promise<unknown>): Promise<PullRoute> {
  const node = await openNode(redis.locations[0] as string);
  let count = 0;
  interceptCommands(node.client, async (args, send) => {
    if (args[0] === command) count += 1;
    if (args[0] === command && count === 2) await change();
    return send(args);
  });
  return { ...route, from: sendTo(node) };
}

describe('a long value that changes while it is read', () => {
  test('is not stored if the record changes', async () => {
    await from.set('key', Buffer.alloc(1e6));
    const way = await routeWithChange('GETRANGE', () => from.set(TOPOLOGY_KEY, recordOf(8)));
    expect(await rejection(pull(['key'], way))).toBeInstanceOf(SupersededError);
    expect(await to.exists('key')).toBe(0);
  });

  test('gets the shorter time', async () => {
    await from.set('key', Buffer.alloc(1e6));
    const way = await routeWithChange('PTTL', () => from.pExpire('key', 10_000));
    await pullAll(['key'], way);
    const ttlMs = await to.pTTL('key');
    expect(ttlMs).toBeGreaterThan(5000);
    expect(ttlMs).toBeLessThanOrEqual(10_000);
  });

  test('is missing if the key holds no string any more', async () => {
    await from.set('key', Buffer.alloc(1e6));
    const way = routeWith({
      beforeFrom: async (count) => {
        if (count !== 2) return;
        await from.unlink('key');
        await from.lPush('key', 'x');
      },
    });
    expect(await pullAll(['key'], way)).toMatchObject({ values: [undefined], movedCount: 0 });
    expect(await from.lRange('key', 0, -1)).toEqual(['x']);
    expect(await countOf(to)).toBe(0);
  });
});

describe('pull() under a record that a server does not hold any more', () => {
  const settle = (client: Client) => client.set(TOPOLOGY_KEY, recordOf(8));

  const steps: [string, number, Parameters<typeof routeWith>[0]][] = [
    ['takes no lease', 10, { beforeTo: (count) => count === 1 && settle(to) }],
    ['reads no value', 10, { beforeFrom: (count) => count === 1 && settle(from) }],
    ['stores no value', 10, { beforeTo: (count) => count === 2 && settle(to) }],
    ['reads no long value', 1e6, { beforeFrom: (count) => count === 2 && settle(from) }],
    ['stores no long value', 1e6, { beforeTo: (count) => count === 4 && settle(to) }],
  ];

  test.each(steps)('%s', async (_title, bytes, step) => {
    await from.set('key', Buffer.alloc(bytes));
    expect(await rejection(pull(['key'], routeWith(step)))).toBeInstanceOf(SupersededError);
    expect(await from.exists('key')).toBe(1);
    expect((await to.keys('*')).filter((key) => key !== TOPOLOGY_KEY && key !== leaseKey('key'))).toEqual([]);
  });

  test.each([
    ['short', 10, 2],
    ['long', 1e6, 3],
  ])('removes no %s entry at the previous owner', async (_title, bytes, count) => {
    await from.set('key', Buffer.alloc(bytes));
    const { values, dropped } = await pull(
      ['key'],
      routeWith({ beforeFrom: (number) => number === count && settle(from) }),
    );
    expect(values[0]).toHaveLength(bytes);
    expect(await rejection(dropped)).toBeInstanceOf(SupersededError);
    expect(await from.exists('key')).toBe(1);
  });

  test.each([
    ['a later epoch whose number has the same beginning', recordOf(70)],
    ['another cache', formatRecord({ ...JSON.parse(recordOf(7)), cache: 'other' })],
    ['no record', ''],
  ])('takes no lease if the server holds %s', async (_title, record) => {
    await to.set(TOPOLOGY_KEY, record);
    if (record === '') await to.unlink(TOPOLOGY_KEY);
    expect(await rejection(pull(['key'], route))).toBeInstanceOf(SupersededError);
    expect(await to.exists(leaseKey('key'))).toBe(0);
  });
});

describe('keys that hold no string', () => {
  test('stay at their previous owner, and are counted', async () => {
    await from.lPush('list', ['a']);
    await from.set('key', 'value');
    expect(await pullAll(['list', 'key'])).toEqual({
      values: [undefined, 'value'],
      movedCount: 1,
      skippedCount: 1,
    });
    expect(await from.lRange('list', 0, -1)).toEqual(['a']);
    expect(await to.exists('list')).toBe(0);
  });

  test('stay at the owner', async () => {
    await to.lPush('key', ['a']);
    await from.set('key', 'value');
    expect(await pullAll(['key'])).toMatchObject({ values: [undefined], movedCount: 0 });
    expect(await to.lRange('key', 0, -1)).toEqual(['a']);
  });

  test('stay at their previous owner although the owner has the key', async () => {
    await to.set('key', 'value');
    await from.lPush('key', ['a']);
    expect(await move(['key'], route)).toEqual({ movedCount: 0, skippedCount: 1 });
    expect(await from.lRange('key', 0, -1)).toEqual(['a']);
  });
});

describe('move()', () => {
  test('removes the entries at their previous owner that the owner has', async () => {
    await from.mSet({ both: 'old', key: 'value' });
    await to.set('both', 'new');
    expect(await move(['both', 'key', 'missing'], route)).toEqual({ movedCount: 1, skippedCount: 0 });
    expect(await countOf(from)).toBe(0);
    expect(await to.mGet(['both', 'key'])).toEqual(['new', 'value']);
    expect(await countOf(to)).toBe(2);
  });
});

describe('a server that refuses a script', () => {
  test('out of memory: the entry stays, and the pull rejects with the reply', async () => {
    await from.set('key', 'value');
    await to.configSet('maxmemory', '1');
    try {
      const error = await rejection(pull(['key'], route));
      expect(isRefusal(error)).toBe(true);
      expect(error.message).toMatch(/OOM/);
      expect(await from.get('key')).toBe('value');
    } finally {
      await to.configSet('maxmemory', '0');
    }
    expect((await pullAll(['key'])).values).toEqual(['value']);
  });

  test('a previous owner that is out of memory gives its entries away', async () => {
    await from.mSet({ key: 'value', long: Buffer.alloc(1e6) });
    await from.configSet('maxmemory', '1');
    try {
      expect(await pullAll(['key', 'long'])).toMatchObject({ movedCount: 2 });
      expect(await countOf(from)).toBe(0);
    } finally {
      await from.configSet('maxmemory', '0');
    }
  });

  test.each(['eval', 'pttl', 'unlink'])('an ACL without %s: no entry is lost', async (command) => {
    await from.set('key', 'value');
    await from.sendCommand(['ACL', 'SETUSER', 'default', `-${command}`]);
    try {
      const error = await rejection(pullAll(['key']));
      expect(isRefusal(error)).toBe(true);
    } finally {
      await from.sendCommand(['ACL', 'SETUSER', 'default', '+@all']);
    }
    expect(await from.get('key')).toBe('value');
    expect((await pullAll(['key'])).values).toEqual(['value']);
  });

  test('a value that is too long for the owner stays at its previous owner, and is counted', async () => {
    await from.mSet({ long: Buffer.alloc(3e6), key: 'value' });
    await to.configSet('proto-max-bulk-len', String(2 ** 20));
    // The node of the other tests knows the limit from before.
    const limited = { ...route, to: sendTo(await openNode(redis.locations[1] as string)) };
    try {
      expect(await pullAll(['long', 'key'], limited)).toEqual({
        values: [undefined, 'value'],
        movedCount: 1,
        skippedCount: 1,
      });
    } finally {
      await to.configSet('proto-max-bulk-len', String(2 ** 29));
    }
    expect(await from.strLen('long')).toBe(3e6);
    expect((await to.keys(`${STAGED_PREFIX}*`)).length).toBe(0);
  });
});

/** Waits until a key has expired. */
async function expired(client: Client, key: string): Promise<void> {
  await until(async () => (await client.exists(key)) === 0);
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
