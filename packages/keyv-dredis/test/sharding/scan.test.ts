import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { type RedisServers, startRedis } from 'redis-launcher';
import { DRedisStore } from '../../src/index.js';
import { NO_DEADLINES } from '../support/deadlines.js';
import { MAJORS, makeKeyv } from '../support/keyvs.js';
import { runProgram } from '../support/program.js';

// What goes through every key takes them page by page: however many there are, one page is in memory.

const KEY_COUNT = 200_000;
const VALUE_BYTES = 500;
const SCAN_COUNT = 1000;
const NAMESPACE = 'paging';

let redis: RedisServers;
let store: DRedisStore;

beforeAll(async () => {
  redis = await startRedis({ count: 1 });
  const client = createClient({ url: `redis://${redis.locations[0]}` });
  await client.connect();
  // From within: sending 100 MB would take longer than all that is measured here.
  const fill = `
    local value = '{"value":"' .. string.rep('v', ARGV[2] - 12) .. '"}'
    for number = 1, ARGV[1] do redis.call('SET', '${NAMESPACE}:' .. number, value) end`;
  await client.eval(fill, { arguments: [String(KEY_COUNT), String(VALUE_BYTES)] });
  expect(await client.dbSize()).toBe(KEY_COUNT);
  await client.close();
});

afterAll(() => redis?.stop());

/** What the store's client was asked, and how many commands were under way at the most. */
interface Traffic {
  readonly commands: string[];
  mostUnderWay: number;
}

let traffic: Traffic;

beforeEach(async () => {
  store = new DRedisStore(redis.locations, {
    namespace: NAMESPACE,
    scanCount: SCAN_COUNT,
    ...NO_DEADLINES,
  });
  await store.connect();
  traffic = watch(store);
});

afterEach(() => store?.disconnect());

function watch(store: DRedisStore): Traffic {
  const traffic: Traffic = { commands: [], mostUnderWay: 0 };
  const { client } = store.locate('any');
  const send = client.sendCommand.bind(client);
  let underWay = 0;
  client.sendCommand = (async (args: readonly string[], options: never) => {
    traffic.commands.push(args[0] as string);
    underWay += 1;
    traffic.mostUnderWay = Math.max(traffic.mostUnderWay, underWay);
    try {
      return await send(args, options);
    } finally {
      underWay -= 1;
    }
  }) as never;
  return traffic;
}

test('iterator() holds one page of 200,000 entries', async () => {
  // In a process of its own: what Jest takes for itself meanwhile comes near to what would be seen.
  const program = `
    import { setFlagsFromString } from 'node:v8';
    import { runInNewContext } from 'node:vm';
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc');
    const heldBytes = () => {
      collectGarbage();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const options = { namespace: '${NAMESPACE}', scanCount: ${SCAN_COUNT}, ...${JSON.stringify(NO_DEADLINES)} };
    const store = new DRedisStore(locations, options);
    const seen = new Uint8Array(${KEY_COUNT} + 1);
    let count = 0;
    let first;
    let most = 0;
    for await (const [key, value] of store.iterator()) {
      if (value.length === ${VALUE_BYTES}) seen[Number(key)] += 1;
      count += 1;
      if (count % (${KEY_COUNT} / 5) === 0) most = Math.max(most, heldBytes());
      if (count === ${SCAN_COUNT}) first = heldBytes();
    }
    await store.disconnect();
    const everyOnce = seen.subarray(1).every((times) => times === 1);
    console.log(JSON.stringify({ count, everyOnce, grewBy: most - first }));`;
  const { code, output } = await runProgram(redis.locations, program);
  expect({ code, output }).toEqual({ code: 0, output: expect.stringMatching(/^\{.*\}\nexits\n$/) });
  const { grewBy, ...entries } = JSON.parse(output.split('\n', 1)[0] as string);
  expect(entries).toEqual({ count: KEY_COUNT, everyOnce: true });
  // All values together are 100 MB.
  expect(grewBy).toBeLessThan((KEY_COUNT * VALUE_BYTES) / 10);
});

test.each(MAJORS)(
  'iterator() under %s asks for no page before the one at hand is used up',
  async (_title, major) => {
    const iterator = makeKeyv(major, store, { namespace: NAMESPACE }).iterator();
    await iterator.next();
    expect(traffic.commands).toEqual(['SCAN', 'MGET']);
    await new Promise((resolve) => setImmediate(resolve));
    for (let count = 1; count < SCAN_COUNT / 2; count += 1) await iterator.next();
    expect(traffic.commands).toEqual(['SCAN', 'MGET']);
    await iterator.return(undefined);
    expect(traffic.commands).toEqual(['SCAN', 'MGET']);
  },
);

test('clear() removes page by page, one command under way at a time', async () => {
  const other = createClient({ url: `redis://${redis.locations[0]}` });
  await other.connect();
  try {
    // Under a prefix of its own: the other tests need theirs.
    await other.eval(`for number = 1, 20000 do redis.call('SET', 'cleared:' .. number, '') end`);
    const before = await other.dbSize();
    store.namespace = 'cleared';
    // What the store notes down of a new namespace is on the server before this is answered.
    await store.has('any');
    traffic.commands.length = 0;
    traffic.mostUnderWay = 0;
    await store.clear();
    expect(await other.dbSize()).toBe(before - 20_000);
  } finally {
    await other.close();
  }
  expect(traffic.mostUnderWay).toBe(1);
  const count = (name: string) => traffic.commands.filter((command) => command === name).length;
  expect(count('UNLINK')).toBeGreaterThanOrEqual(20);
  expect(count('SCAN') + count('UNLINK')).toBe(traffic.commands.length);
});
