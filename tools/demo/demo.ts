/**
 * Demo: one cache over four Redis servers. It caches every package.json in node_modules, shows which server
 * owns which keys, adds a fifth server, and stops a server.
 *
 * Run: `npx -y pnpm@12 demo`. The demo starts its own servers. Set REDIS_LOCATIONS=host:port,... to use four
 * running servers instead.
 * Output: five short sections. Each figure is checked, and the demo fails at the first wrong figure.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Keyv } from 'keyv';
import { DRedisError, DRedisStore } from 'keyv-dredis';
import { redisLocations, startRedis } from 'redis-launcher';
import { count, heading, line, megabytes, percent, table } from '../terminal/terminal.js';
import { inChunks } from './in-chunks.js';
import { readPackageFiles } from './package-files.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CHUNK_SIZE = 50;
/** Servers from REDIS_LOCATIONS keep running, so the entries must expire there if the demo is killed. */
const TTL_MS = 10 * 60_000;

const input = await readPackageFiles(join(ROOT, 'node_modules'), ROOT);
const keys = [...input.keys()];
const bytes = [...input.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0);

const four = await redisLocations(4);
const fifth = await startRedis({ count: 1 });
const store = new DRedisStore([...four.locations]);
// Servers from REDIS_LOCATIONS may contain other keys, so the namespace must be unique.
const cache = new Keyv({ store, namespace: `dredis-demo-${process.pid}` });
const errors: unknown[] = [];
cache.on('error', (error) => errors.push(error));

try {
  heading(`1. Cache ${count(keys.length)} package.json files (${megabytes(bytes)}) on four Redis servers`);
  printThroughput('wrote', keys.length, bytes, await write(keys));
  const { sameCount, ms } = await read(keys);
  expectEqual('unchanged values', sameCount, keys.length);
  printThroughput('read ', keys.length, bytes, ms);
  line(`compared ${count(sameCount)} values with their files: all are equal`);

  heading('2. Count the keys on each server');
  await printDistribution();

  heading('3. Add a fifth server');
  const ownersBefore = new Map(keys.map((key) => [key, ownerOf(key)]));
  await store.updateNodes([...four.locations, ...fifth.locations]);
  const moved = keys.filter((key) => ownerOf(key) !== ownersBefore.get(key));
  const movedToFifth = moved.filter((key) => ownerOf(key) === fifth.locations[0]);
  expectEqual('keys that moved to the new server', movedToFifth.length, moved.length);
  line(
    `${count(moved.length)} keys changed owner, all to the new server: ` +
      `${percent(moved.length, keys.length)} (ideal 20.0 %)`,
  );
  // Moved keys are misses until they are written again.
  await write(moved);
  await printDistribution();

  heading('4. Stop a server');
  const stopped = four.servers?.[1] ?? fifth.servers[0];
  if (stopped === undefined) throw new Error('there is no server to stop');
  if (four.servers === undefined)
    line('The demo stops only a server that it started itself: the fifth server.');
  const lostCount = keysByOwner().get(stopped.location)?.length ?? 0;
  await stopped.kill();
  const rest = await read(keys);
  expectEqual('values that can still be read', rest.sameCount, keys.length - lostCount);
  line(`${stopped.location} is down, and its ${count(lostCount)} keys are misses`);
  line(`the other ${count(rest.sameCount)} keys can still be read`);
  const [error] = errors;
  if (!(error instanceof DRedisError)) throw new Error('the cache emitted no error for the stopped server');
  line(`the cache emitted an error event: ${error.name}: ${error.message}`);

  heading('5. Clean up');
  await store.updateNodes(store.nodes.filter((node) => node !== stopped.location));
  await cache.clear();
  const leftCounts = await Promise.all([...keysByOwner().values()].map(storedCount));
  expectEqual(
    'keys left',
    leftCounts.reduce((sum, left) => sum + left, 0),
    0,
  );
  line('no keys are left');
} finally {
  await cache.disconnect();
  await Promise.all([four.stop(), fifth.stop()]);
}
line(four.servers ? 'all servers are stopped' : 'the servers from REDIS_LOCATIONS are still running');

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
