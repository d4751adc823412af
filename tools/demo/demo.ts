/**
 * One cache over four real Redis servers, on real input: every package.json below node_modules, under
 * its path. Run it with `npx -y pnpm@12 demo`; it fails as soon as anything is not as it should be.
 * With REDIS_LOCATIONS=host:port,... it takes four servers that already run.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Keyv } from 'keyv';
import { redisLocations, startRedis } from 'redis-launcher';
import { DRedisError, DRedisStore } from '../../packages/keyv-dredis/src/index.js';
import { count, heading, inChunks, line, megabytes, percent, table } from '../terminal/terminal.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CHUNK_COUNT = 50;
/** Where servers outlive a demo that is killed, its entries go by themselves. */
const TTL_MS = 10 * 60_000;

/** A demo that shows a wrong figure has failed. */
function expectEqual(what: string, actual: number, expected: number): void {
  if (actual !== expected) throw new Error(`${what}: expected ${count(expected)}, got ${count(actual)}`);
}

async function* packageFiles(folder: string): AsyncGenerator<string> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* packageFiles(path);
    else if (entry.isFile() && entry.name === 'package.json') yield path;
  }
}

async function readInput(): Promise<ReadonlyMap<string, string>> {
  const input = new Map<string, string>();
  for await (const path of packageFiles(join(ROOT, 'node_modules'))) {
    input.set(relative(ROOT, path), await readFile(path, 'utf8'));
  }
  return input;
}

/** The given keys by the server that the store takes them to. */
function byOwner(store: DRedisStore, keys: Iterable<string>): Map<string, string[]> {
  const owned = new Map<string, string[]>(store.nodes.map((node) => [node, []]));
  for (const key of keys) owned.get(store.locate(key).node)?.push(key);
  return owned;
}

/** How many of its keys a server really holds: asked of the server itself. */
async function heldBy(store: DRedisStore, keys: readonly string[]): Promise<number> {
  const [first] = keys;
  if (first === undefined) return 0;
  return store.locate(first).client.exists(keys.map((key) => store.locate(key).key));
}

async function printSpread(store: DRedisStore, keys: readonly string[]): Promise<void> {
  const ideal = percent(1, store.nodes.length);
  const rows: string[][] = [];
  for (const [node, owned] of byOwner(store, keys)) {
    const held = await heldBy(store, owned);
    expectEqual(`keys held by ${node}`, held, owned.length);
    rows.push([node, count(held), percent(held, keys.length), ideal]);
  }
  table(['server', 'keys', 'share', 'ideal'], rows);
}

/** Writes entries in bulk. @returns milliseconds */
function write(cache: Keyv, input: ReadonlyMap<string, string>, keys: readonly string[]): Promise<number> {
  return inChunks('writing', keys, CHUNK_COUNT, async (chunk) => {
    const entries = chunk.map((key) => ({ key, value: input.get(key), ttl: TTL_MS }));
    const stored = (await cache.setMany(entries)) ?? [];
    expectEqual('entries stored', stored.filter(Boolean).length, chunk.length);
  });
}

/** Reads entries in bulk. @returns how many came back as they are in the input, and milliseconds */
async function read(cache: Keyv, input: ReadonlyMap<string, string>, keys: readonly string[]) {
  let same = 0;
  const ms = await inChunks('reading', keys, CHUNK_COUNT, async (chunk) => {
    const values = await cache.getMany<string>([...chunk]);
    same += chunk.filter((key, index) => values[index] === input.get(key)).length;
  });
  return { same, ms };
}

function printThroughput(what: string, keyCount: number, bytes: number, ms: number): void {
  const perSecond = (amount: number) => amount / (ms / 1000);
  line(
    `${what} ${count(keyCount)} keys in ${ms.toFixed(0)} ms: ` +
      `${count(Math.round(perSecond(keyCount)))} keys/s, ${megabytes(perSecond(bytes))}/s`,
  );
}

const input = await readInput();
const keys = [...input.keys()];
const bytes = [...input.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0);

const four = await redisLocations(4);
const fifth = await startRedis({ count: 1 });
const store = new DRedisStore([...four.locations]);
// A namespace of its own: on servers that are not ours there may be keys of others.
const cache = new Keyv({ store, namespace: `dredis-demo-${process.pid}` });
const errors: unknown[] = [];
cache.on('error', (error) => errors.push(error));

try {
  heading(`1. Cache ${count(keys.length)} package.json files (${megabytes(bytes)}) on four Redis servers`);
  printThroughput('wrote', keys.length, bytes, await write(cache, input, keys));
  const back = await read(cache, input, keys);
  expectEqual('values that came back the same', back.same, keys.length);
  printThroughput('read ', keys.length, bytes, back.ms);
  line(`compared ${count(back.same)} values with their files: all the same`);

  heading('2. The keys of each server');
  await printSpread(store, keys);

  heading('3. Add a fifth server');
  const before = new Map(keys.map((key) => [key, store.locate(key).node]));
  await store.updateNodes([...four.locations, ...fifth.locations]);
  const moved = keys.filter((key) => store.locate(key).node !== before.get(key));
  const toFifth = byOwner(store, moved).get(fifth.locations[0] ?? '') ?? [];
  expectEqual('moved keys that went to the new server', toFifth.length, moved.length);
  line(
    `${count(moved.length)} keys changed owner, all to the new server: ${percent(moved.length, keys.length)} (ideal 20.0 %)`,
  );
  // To a cache they are misses, so they are fetched and set again.
  await write(cache, input, moved);
  await printSpread(store, keys);

  heading('4. Stop a server');
  const stopped = four.servers?.[1] ?? fifth.servers[0];
  if (stopped === undefined) throw new Error('there is no server to stop');
  if (four.servers === undefined) line('Those of REDIS_LOCATIONS are not ours to stop, so it is the fifth.');
  const lost = byOwner(store, keys).get(stopped.location) ?? [];
  await stopped.kill();
  const rest = await read(cache, input, keys);
  expectEqual('values still served', rest.same, keys.length - lost.length);
  line(`${stopped.location} is gone, and its ${count(lost.length)} keys are misses`);
  line(`the other ${count(rest.same)} keys are all still served`);
  const [reported] = errors;
  if (!(reported instanceof DRedisError)) throw new Error('the stopped server was not reported');
  line(`reported by the cache: ${reported.name}: ${reported.message}`);

  heading('5. Clean up');
  const remaining = store.nodes.filter((node) => node !== stopped.location);
  await store.updateNodes(remaining);
  await cache.clear();
  const left = await Promise.all([...byOwner(store, keys).values()].map((owned) => heldBy(store, owned)));
  expectEqual(
    'keys left',
    left.reduce((sum, held) => sum + held, 0),
    0,
  );
  line('no key is left');
} finally {
  await cache.disconnect();
  await Promise.all([four.stop(), fifth.stop()]);
}
line(four.servers ? 'no server is left' : 'the servers of REDIS_LOCATIONS run on');
