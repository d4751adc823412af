import { beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { RedisServers } from 'redis-launcher';
import type { DRedisStore } from '../../src/index.js';
import {
  connectClient,
  interceptCommands,
  MAJORS,
  NO_DEADLINES,
  openKeyv,
  openStoreOver,
  runProgram,
  startServers,
} from '../support/index.js';

// iterator() and clear() read keys page by page and keep only one page in memory.

const KEY_COUNT = 200_000;
const VALUE_BYTES = 500;
const SCAN_COUNT = 1000;
const NAMESPACE = 'paging';

let redis: RedisServers;
let store: DRedisStore;

beforeAll(async () => {
  redis = await startServers({ count: 1 });
  const client = await connectClient(redis.locations[0] as string);
  // Uses a script, because sending 100 MB would take longer than the tests.
  const fill = `
    local value = '{"value":"' .. string.rep('v', ARGV[2] - 12) .. '"}'
    for number = 1, ARGV[1] do redis.call('SET', '${NAMESPACE}:' .. number, value) end`;
  await client.eval(fill, { arguments: [String(KEY_COUNT), String(VALUE_BYTES)] });
  expect(await client.dbSize()).toBe(KEY_COUNT);
});

/** The commands that the store has sent. */
interface Traffic {
  readonly commands: string[];
  maxInFlight: number;
}

let traffic: Traffic;

beforeEach(async () => {
  store = openStoreOver(redis.locations, {
    namespace: NAMESPACE,
    scanCount: SCAN_COUNT,
    ...NO_DEADLINES,
  });
  await store.connect();
  traffic = watch(store);
});

function watch(store: DRedisStore): Traffic {
  const traffic: Traffic = { commands: [], maxInFlight: 0 };
  let inFlight = 0;
  interceptCommands(store.locate('any').client, async (args, send) => {
    traffic.commands.push(args[0] as string);
    inFlight += 1;
    traffic.maxInFlight = Math.max(traffic.maxInFlight, inFlight);
    try {
      return await send(args);
    } finally {
      inFlight -= 1;
    }
  });
  return traffic;
}

test('iterator() over 200,000 entries keeps only one page in memory', async () => {
  // In a separate process, because Jest allocates about as much memory as the test measures.
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
  'iterator() under %s does not read the next page before the current page is used up',
  async (_title, major) => {
    const iterator = openKeyv(major, { namespace: NAMESPACE }, store).iterator();
    await iterator.next();
    expect(traffic.commands).toEqual(['SCAN', 'MGET']);
    await new Promise((resolve) => setImmediate(resolve));
    for (let count = 1; count < SCAN_COUNT / 2; count += 1) await iterator.next();
    expect(traffic.commands).toEqual(['SCAN', 'MGET']);
    await iterator.return(undefined);
    expect(traffic.commands).toEqual(['SCAN', 'MGET']);
  },
);

// Regression: nobody listened to the removal of a page while the next page was read, so a refused removal ended the process.
test('clear() rejects if a removal is refused before the next page has been read', async () => {
  const location = redis.locations[0] as string;
  const client = await connectClient(location);
  await client.eval(`for number = 1, 5000 do redis.call('SET', 'refused:' .. number, '') end`);
  await client.sendCommand(['ACL', 'SETUSER', 'app', 'reset', 'on', '>secret', '~*', '+@all', '-unlink']);
  const program = `
    const store = new DRedisStore(['redis://app:secret@' + locations[0]], { namespace: 'refused', scanCount: 100 });
    store.on('error', () => {});
    await store.connect();
    const { client } = store.locate('any');
    const send = client.sendCommand.bind(client);
    let scanCount = 0;
    client.sendCommand = async (args, options) => {
      if (args[0] === 'SCAN' && (scanCount += 1) > 1) await new Promise((resolve) => setTimeout(resolve, 50));
      return send(args, options);
    };
    const outcome = await store.clear().catch((error) => error.code);
    await store.disconnect();
    console.log(outcome);`;
  const { code, output } = await runProgram([location], program);
  expect({ code, output }).toEqual({ code: 0, output: 'DREDIS_CLEAR_INCOMPLETE\nexits\n' });
  await client.eval(`for number = 1, 5000 do redis.call('UNLINK', 'refused:' .. number) end`);
});

test('clear() removes keys page by page, with at most one page to read and one to remove in flight', async () => {
  const client = await connectClient(redis.locations[0] as string);
  // In a separate namespace, because the other tests need the other keys.
  await client.eval(`for number = 1, 20000 do redis.call('SET', 'cleared:' .. number, '') end`);
  const before = await client.dbSize();
  store.namespace = 'cleared';
  // The first call in a new namespace also records the namespace on the server, so make this call now.
  await store.has('any');
  traffic.commands.length = 0;
  traffic.maxInFlight = 0;
  await store.clear();
  expect(await client.dbSize()).toBe(before - 20_000);
  expect(traffic.maxInFlight).toBe(2);
  const count = (name: string) => traffic.commands.filter((command) => command === name).length;
  expect(count('UNLINK')).toBeGreaterThanOrEqual(20);
  expect(count('SCAN') + count('UNLINK')).toBe(traffic.commands.length);
});
