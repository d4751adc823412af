import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type RedisServer, type RedisServers, startRedis } from 'redis-launcher';
import { DEADLINE_MS } from '../../../packages/keyv-dredis/test/support/deadlines.js';
import { keysOf, nextEvent } from '../../../packages/keyv-dredis/test/support/stores.js';
import { checkHistory } from '../../fault-checker/check-history.js';
import { EventLoopDelay } from '../../fault-checker/event-loop-delay.js';
import { FaultyProxy } from '../../fault-checker/faulty-proxy.js';
import { type Entry, type RunEntry, toHistory } from '../../fault-checker/history.js';
import { RecordedClient } from '../../fault-checker/recorded-client.js';
import { excerpt } from '../../fault-checker/report.js';
import { StoreWithoutHints } from '../../fault-checker/store-without-hints.js';
import { now } from '../../shared/clock.js';

let redis: RedisServers;

beforeAll(async () => {
  redis = await startRedis({ count: 2 });
});

afterAll(() => redis?.stop());

const eventLoopDelay = new EventLoopDelay();

function startHistory(nodes: readonly string[]): Entry[] {
  const run: RunEntry = {
    type: 'run',
    seed: 'none',
    mode: 'error',
    restartPolicy: 'keep',
    commandTimeoutMs: DEADLINE_MS,
    nodes,
    startedAt: now(),
  };
  return [run];
}

function storeWithoutHints(locations: ConstructorParameters<typeof StoreWithoutHints>[0]) {
  return new StoreWithoutHints(locations, {
    namespace: 'negative-control',
    commandTimeoutMs: DEADLINE_MS,
    connectTimeoutMs: DEADLINE_MS,
  });
}

test('without hints, the checker finds a stale read after a frozen node missed a set()', async () => {
  const owner = redis.servers[0] as RedisServer;
  const store = storeWithoutHints(redis.locations);
  const entries = startHistory(redis.locations);
  const client = new RecordedClient('a', store, (entry) => entries.push(entry), eventLoopDelay);
  await client.connect();
  const [key] = keysOf(store, owner.location, 1) as [string];
  client.logOwners([key]);
  await client.set(key);

  const down = nextEvent(store, 'node:down');
  await owner.pause();
  // A node is down after three timeouts in a row.
  for (let count = 0; count < 3; count += 1) await client.get(key);
  await down;
  // The node is down, so this write is not sent. A frozen server would buffer it and run it later.
  await client.set(key);
  const up = nextEvent(store, 'node:up');
  await owner.resume();
  await up;
  await client.get(key);
  await client.disconnect();

  const history = toHistory(entries);
  const { violations, counts } = checkHistory(history);
  expect(violations).toMatchObject([
    {
      rule: 'stale',
      message: `a read a-1 of ${key} after a set() that was settled when the node came up again`,
      node: owner.location,
      evidence: [
        { call: 'set', value: 'a-1', outcome: 'ok' },
        { call: 'set', value: 'a-2', outcome: 'error' },
        { call: 'get', value: 'a-1', outcome: 'ok' },
      ],
    },
  ]);
  expect(counts).toMatchObject({ reads: 4, checked: 1, afterMissedWrite: 1 });
  const lines = excerpt(history, violations[0] as (typeof violations)[number]);
  expect(lines.filter((text) => text.startsWith('>'))).toHaveLength(3);
});

test('without hints, the checker finds a stale read after a client called delete() while it was cut off from the server', async () => {
  const [server] = redis.servers as [RedisServer];
  await using proxy = await FaultyProxy.start(server);
  const store = storeWithoutHints([{ name: 'node', host: '127.0.0.1', port: proxy.port }]);
  const other = storeWithoutHints([{ name: 'node', host: server.host, port: server.port }]);
  const entries = startHistory(['node']);
  const log = (entry: Entry) => entries.push(entry);
  const cutOff = new RecordedClient('a', store, log, eventLoopDelay);
  const reader = new RecordedClient('b', other, log, eventLoopDelay);
  await cutOff.connect();
  await reader.connect();
  cutOff.logOwners(['key']);
  await reader.set('key');

  const down = nextEvent(store, 'node:down');
  proxy.condition = { type: 'cut' };
  await down;
  await cutOff.delete('key');
  // The delete is not settled yet, so the old value is not stale.
  await reader.get('key');
  expect(checkHistory(toHistory(entries)).violations).toEqual([]);
  const up = nextEvent(store, 'node:up');
  proxy.condition = { type: 'normal' };
  await up;
  await reader.get('key');
  await cutOff.disconnect();
  await reader.disconnect();

  const { violations } = checkHistory(toHistory(entries));
  expect(violations).toMatchObject([
    {
      rule: 'stale',
      message: 'b read b-1 of key after a delete() that was settled when the node came up again',
    },
  ]);
});
