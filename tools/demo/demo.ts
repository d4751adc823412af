/**
 * Demo: one cache over four Redis servers. It caches every package.json in node_modules, shows which server
 * owns which keys, adds a fifth server and removes another one while readers run, and stops a server.
 *
 * Run: `npx -y pnpm@12 demo`. The demo starts its own servers. Set REDIS_LOCATIONS=host:port,... to use four
 * running servers instead, which no other store may use.
 * Output: six short sections. Each figure is checked, and the demo fails at the first wrong figure.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Keyv } from 'keyv';
import { DRedisStore } from 'keyv-dredis';
import { createClient } from 'redis';
import { redisLocations, startRedis } from 'redis-launcher';
import { count, heading, line, megabytes, percent, progressBar, table } from '../terminal/terminal.js';
import { inChunks } from './in-chunks.js';
import { readPackageFiles } from './package-files.js';
import { readDuring } from './readers.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CHUNK_SIZE = 50;
const READER_COUNT = 32;
/** A change takes about this time, so that the readers see it. Without a limit, so few entries move at once. */
const CHANGE_MS = 700;
const POLL_MS = 10;
/** Servers from REDIS_LOCATIONS keep running, so the entries must expire there if the demo is killed. */
const TTL_MS = 10 * 60_000;

const input = await readPackageFiles(join(ROOT, 'node_modules'), ROOT);
const keys = [...input.keys()];
const bytes = [...input.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0);

const four = await redisLocations(4);
const fifth = await startRedis({ count: 1 });
const store = new DRedisStore([...four.locations]);
// Another process that uses the cache. It only reads.
const other = new DRedisStore([...four.locations]);
// Servers from REDIS_LOCATIONS may contain other keys, so the namespace must be unique.
const namespace = `dredis-demo-${process.pid}`;
const cache = new Keyv({ store, namespace });
const reader = new Keyv({ store: other, namespace });
const errors: unknown[] = [];
for (const each of [cache, reader]) each.on('error', (error) => errors.push(error));

try {
  await Promise.all([store.connect(), other.connect()]);
  expectEqual('epoch of the servers, which no other store may use', store.status().topology.epoch, 0);

  heading(`1. Cache ${count(keys.length)} package.json files (${megabytes(bytes)}) on four Redis servers`);
  printThroughput('wrote', keys.length, bytes, await write(keys));
  const { sameCount, ms } = await read(keys);
  expectEqual('unchanged values', sameCount, keys.length);
  printThroughput('read ', keys.length, bytes, ms);
  line(`compared ${count(sameCount)} values with their files: all are equal`);

  heading('2. Count the keys on each server');
  await printDistribution();

  heading('3. Add a fifth server while another process reads');
  const [added] = fifth.locations as [string];
  const toFifth = await change([...four.locations, added]);
  expectEqual(
    'keys that moved to the new server',
    toFifth.filter((key) => ownerOf(key) === added).length,
    toFifth.length,
  );
  await printDistribution();

  heading('4. Remove a server while another process reads');
  const [, , removed] = four.locations as readonly [string, string, string];
  const ofRemoved = keysByOwner().get(removed) ?? [];
  const fromRemoved = await change(store.nodes.filter((node) => node !== removed));
  expectEqual('keys of the removed server that moved', fromRemoved.length, ofRemoved.length);
  await printDistribution();

  heading('5. Stop a server, and start it again');
  const stopped = four.servers?.[1] ?? fifth.servers[0];
  if (stopped === undefined) throw new Error('there is no server to stop');
  if (four.servers === undefined)
    line('The demo stops only a server that it started itself: the fifth server.');
  const lost = keysByOwner().get(stopped.location) ?? [];
  await stopped.kill();
  const rest = await read(keys);
  expectEqual('values that can still be read', rest.sameCount, keys.length - lost.length);
  line(
    `${stopped.location} was killed: the other servers served its keys after ${(rest.ms / 1000).toFixed(1)} s`,
  );
  await write(lost);
  line(`its ${count(lost.length)} entries were misses, and were written again`);
  await stopped.start();
  while (
    store.status().topology.phase !== 'settled' ||
    Object.keys(store.status().topology.states).length > 0
  )
    await sleep(POLL_MS);
  const all = await read(keys);
  expectEqual('values that can be read', all.sameCount, keys.length);
  await printDistribution();
  expectEqual('failed calls', errors.length, 0);
  line(`${stopped.location} was started again: its entries have moved back, and no call failed`);

  heading('6. Clean up');
  await store.withNamespace(namespace).clear();
  const leftCounts = await Promise.all([...keysByOwner().values()].map(storedCount));
  expectEqual(
    'keys left',
    leftCounts.reduce((sum, left) => sum + left, 0),
    0,
  );
  line('no keys are left');
} finally {
  await Promise.all([cache.disconnect(), reader.disconnect()]);
  if (four.servers === undefined) await forgetTopology(four.locations);
  await Promise.all([four.stop(), fifth.stop()]);
}
line(four.servers ? 'all servers are stopped' : 'the servers from REDIS_LOCATIONS are still running');

/** Changes the servers of both stores, while one of them reads. @returns the keys that have another owner now */
async function change(locations: readonly string[]): Promise<string[]> {
  const ownersBefore = new Map(keys.map((key) => [key, ownerOf(key)]));
  const movingCount = Math.ceil(keys.length / locations.length);
  const bar = progressBar('moving {bar} {percentage} %');
  bar.start(1, 0);
  const reshard = () =>
    store.reshard(locations, {
      maxKeysPerSecond: movingCount / (CHANGE_MS / 1000),
      onProgress: ({ sources }) =>
        bar.update(sources.reduce((sum, { fraction }) => sum + fraction, 0) / Math.max(1, sources.length)),
    });
  const get = (key: string) => reader.get<string>(key);
  const readers = { get, expected: input, readerCount: READER_COUNT };
  const { counts, ms } = await readDuring(readers, reshard).finally(() => bar.stop());
  const moved = keys.filter((key) => ownerOf(key) !== ownersBefore.get(key));
  expectEqual('misses while entries moved', counts.misses, 0);
  expectEqual('wrong values while entries moved', counts.wrong, 0);
  if (counts.reads === 0) throw new Error('there were no reads while entries moved');
  expectEqual('servers of the other process', other.nodes.length, locations.length);
  line(
    `${count(moved.length)} of ${count(keys.length)} entries moved in ${(ms / 1000).toFixed(1)} s ` +
      `(${percent(moved.length, keys.length)}), slowed down for this demo`,
  );
  line(
    `meanwhile, ${READER_COUNT} readers made ${count(counts.reads)} reads: ` +
      `${count(counts.hits)} hits, ${count(counts.misses)} misses`,
  );
  const { sameCount } = await read(keys);
  expectEqual('unchanged values', sameCount, keys.length);
  return moved;
}

/** Servers from REDIS_LOCATIONS keep running. Without the record, they are as before. */
async function forgetTopology(locations: readonly string[]): Promise<void> {
  for (const location of locations) {
    const client = createClient({ url: `redis://${location}` });
    await client.connect();
    await client.unlink(['%dredis:topology', '%dredis:topology:vote']);
    client.destroy();
  }
}

function ownerOf(key: string): string {
  return store.locate(key).node;
}

function keysByOwner(): Map<string, string[]> {
  const owned = new Map<string, string[]>(store.nodes.map((node) => [node, []]));
  for (const key of keys) owned.get(ownerOf(key))?.push(key);
  return owned;
}

/**
 * Asks the owner of some keys how many of the keys it has stored. @param ownedKeys keys with the same owner
 */
async function storedCount(ownedKeys: readonly string[]): Promise<number> {
  const [first] = ownedKeys;
  if (first === undefined) return 0;
  return store.locate(first).client.exists(ownedKeys.map((key) => store.locate(key).key));
}

async function printDistribution(): Promise<void> {
  const ideal = percent(1, store.nodes.length);
  const rows: string[][] = [];
  for (const [node, ownedKeys] of keysByOwner()) {
    const stored = await storedCount(ownedKeys);
    expectEqual(`keys stored on ${node}`, stored, ownedKeys.length);
    rows.push([node, count(stored), percent(stored, keys.length), ideal]);
  }
  table(['server', 'keys', 'share', 'ideal'], rows);
}

/** @returns the duration in milliseconds */
function write(keysToWrite: readonly string[]): Promise<number> {
  return inChunks('writing', keysToWrite, CHUNK_SIZE, async (chunk) => {
    const entries = chunk.map((key) => ({ key, value: input.get(key), ttl: TTL_MS }));
    const stored = (await cache.setMany(entries)) ?? [];
    expectEqual('stored entries', stored.filter(Boolean).length, chunk.length);
  });
}

/** Returns the number of values that equal the input, and the duration. */
async function read(keysToRead: readonly string[]): Promise<{ sameCount: number; ms: number }> {
  let sameCount = 0;
  const ms = await inChunks('reading', keysToRead, CHUNK_SIZE, async (chunk) => {
    const values = await cache.getMany<string>([...chunk]);
    sameCount += chunk.filter((key, index) => values[index] === input.get(key)).length;
  });
  return { sameCount, ms };
}

function printThroughput(verb: string, keyCount: number, byteCount: number, ms: number): void {
  const perSecond = (amount: number) => amount / (ms / 1000);
  line(
    `${verb} ${count(keyCount)} keys in ${ms.toFixed(0)} ms: ` +
      `${count(Math.round(perSecond(keyCount)))} keys/s, ${megabytes(perSecond(byteCount))}/s`,
  );
}

function expectEqual(what: string, actual: number, expected: number): void {
  if (actual !== expected) throw new Error(`${what}: expected ${count(expected)}, got ${count(actual)}`);
}
