import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type RedisServer, type RedisServers, startRedis } from 'redis-launcher';
import { DEADLINE_MS } from '../../../packages/keyv-dredis/test/support/deadlines.js';
import { StoreWithoutHints } from '../../../packages/keyv-dredis/test/support/store-without-hints.js';
import { keysOf, nextEvent } from '../../../packages/keyv-dredis/test/support/stores.js';
import { checkHistory } from '../../fault-checker/check-history.js';
import { EventLoopLateness } from '../../fault-checker/event-loop-lateness.js';
import { FaultyProxy } from '../../fault-checker/faulty-proxy.js';
import { type Entry, historyOf, type RunEntry } from '../../fault-checker/history.js';
import { RecordedClient } from '../../fault-checker/recorded-client.js';
import { excerpt } from '../../fault-checker/report.js';
import { now } from '../../shared/clock.js';

let redis: RedisServers;

beforeAll(async () => {
  redis = await startRedis({ count: 2 });
});

afterAll(() => redis?.stop());

const lateness = new EventLoopLateness();

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
    namespace: 'checker-catches',
    commandTimeoutMs: DEADLINE_MS,
    connectTimeoutMs: DEADLINE_MS,
  });
}

test('without hints, a node that comes back serves what it missed the replacement of: the checker sees it', async () => {
  const owner = redis.servers[0] as RedisServer;
  const store = storeWithoutHints(redis.locations);
  const entries = startHistory(redis.locations);
  const client = new RecordedClient('a', store, (entry) => entries.push(entry), lateness);
  await client.connect();
  const [key] = keysOf(store, owner.location, 1) as [string];
  client.logOwners([key]);
  await client.set(key);

  const down = nextEvent(store, 'node:down');
  await owner.pause();
  // So often until it counts as down.
  for (let count = 0; count < 3; count += 1) await client.get(key);
  await down;
  // It is not even sent: a frozen server would take what is sent to it for good.
  await client.set(key);
  const up = nextEvent(store, 'node:up');
  await owner.resume();
  await up;
  await client.get(key);
  await client.disconnect();

  const history = historyOf(entries);
  const { violations, counts } = checkHistory(history);
  expect(violations).toMatchObject([
    {
      rule: 'stale',
      message: `a read a-1 of ${key} after a set() that was settled by the return of the node`,
      node: owner.location,
      evidence: [
        { call: 'set', value: 'a-1', outcome: 'ok' },
        { call: 'set', value: 'a-2', outcome: 'error' },
        { call: 'get', value: 'a-1', outcome: 'ok' },
      ],
    },
  ]);
  expect(counts).toMatchObject({ reads: 4, judged: 1, afterMissedWrite: 1 });
  const story = excerpt(history, violations[0] as (typeof violations)[number]);
  expect(story.filter((text) => text.startsWith('>'))).toHaveLength(3);
});

test('without hints, a client that was cut off comes back to a value that it has deleted: the checker sees it', async () => {
  const [server] = redis.servers as [RedisServer];
  await using proxy = await FaultyProxy.start(server);
  const store = storeWithoutHints([{ name: 'node', host: '127.0.0.1', port: proxy.port }]);
  const other = storeWithoutHints([{ name: 'node', host: server.host, port: server.port }]);
  const entries = startHistory(['node']);
  const log = (entry: Entry) => entries.push(entry);
  const cutOff = new RecordedClient('a', store, log, lateness);
  const reader = new RecordedClient('b', other, log, lateness);
  await cutOff.connect();
  await reader.connect();
  cutOff.logOwners(['key']);
  await reader.set('key');

  const down = nextEvent(store, 'node:down');
  proxy.condition = { type: 'cut' };
  await down;
  await cutOff.delete('key');
  // Nobody can know yet that it shall be gone.
  await reader.get('key');
  expect(checkHistory(historyOf(entries)).violations).toEqual([]);
  const up = nextEvent(store, 'node:up');
  proxy.condition = { type: 'well' };
  await up;
  await reader.get('key');
  await cutOff.disconnect();
  await reader.disconnect();

  const { violations } = checkHistory(historyOf(entries));
  expect(violations).toMatchObject([
    {
      rule: 'stale',
      message: 'b read b-1 of key after a delete() that was settled by the return of the node',
    },
  ]);
});
