/**
 * Measures the ring, its peers and MD5 in C. The ring and its peers take turns in one process. Writes the
 * results to `.bench/ring.json`, from which `write-tables.ts` creates tables. `--long` runs more rounds.
 *
 * Expectations, set before the first run:
 *
 * - A lookup of a 30-byte key on 100 nodes is at least 10 times as fast as with `hashring` and `ketama`.
 * - This lookup takes at most 3 times as long as MD5 in C.
 * - `getMany` is at least 1.5 times as fast as a `get` for each key.
 * - A lookup on 10,000 nodes takes at most twice as long as a lookup on 4 nodes.
 * - Building a ring with 1,000 nodes is at least 10 times as fast as with either peer.
 * - A point takes up at most 8 bytes.
 * - `get` allocates nothing.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';
import { keysOf } from './keys.js';
import { inTurn, machine, nativeMd5, type Timing, type Work } from './measure.js';
import { type PeerName, peers } from './peers.js';

// Measures the build, because running the sources with tsx is slower.
const build = new URL('../../packages/hash-ring/dist/esm/index.js', import.meta.url).href;
const { HashRing } = (await import(build)) as typeof import('../../packages/hash-ring/src/index.js');
type Ring = InstanceType<typeof HashRing>;

const KEY_COUNT = 100_000;
const rounds = process.argv.includes('--long') ? 25 : 7;

export interface Row {
  readonly what: string;
  readonly timings: Record<string, Timing>;
}

const namesOf = (count: number) =>
  Array.from({ length: count }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}:6379`);

function check(condition: boolean, what: string): void {
  if (!condition) throw new Error(`the benchmark's work is wrong: ${what}`);
}

/** Looks up all keys, and throws if one has no owner. */
function lookups(get: (key: string) => string | undefined, keys: readonly string[]): Work {
  return () => {
    let found = 0;
    for (const key of keys) if (get(key) !== undefined) found++;
    check(found === keys.length, 'a key has no owner');
    return keys.length;
  };
}

const native = nativeMd5();

function lookupRow(
  nodeCount: number,
  bytes: number,
  kind: 'ascii' | 'utf8',
  peerNames: readonly PeerName[],
): Row {
  const keys = keysOf(KEY_COUNT, bytes, kind);
  check(new Set(keys).size === KEY_COUNT, 'keys are not distinct');
  check(
    keys.every((key) => Buffer.byteLength(key) === bytes),
    'a key has the wrong size',
  );
  const names = namesOf(nodeCount);
  const ring = new HashRing(names);
  const contenders: Record<string, Work> = { 'hash-ring': lookups((key) => ring.get(key), keys) };
  for (const name of peerNames) {
    const peer = peers[name](names);
    if (name === 'hashring') {
      // hashring has the same placement, so it must find the same owners.
      check(
        keys.slice(0, 5000).every((key) => peer.get(key) === ring.get(key)),
        'hashring finds different owners',
      );
    }
    // consistent-hashing lists all its points for every lookup, so it gets fewer keys.
    const some = name === 'consistent-hashing' ? keys.slice(0, 500) : keys;
    contenders[name] = lookups(peer.get, some);
  }
  const timings = inTurn(contenders, { rounds });
  return {
    what: `${bytes} bytes, ${kind === 'ascii' ? 'ASCII' : 'UTF-8'}, ${nodeCount.toLocaleString('en')} nodes`,
    timings: { ...timings, 'MD5 in C': native.time(keys, rounds) },
  };
}

/** Measures rings of different sizes in turn, so that noise on the machine affects all of them. */
function growthRow(): Row {
  const keys = keysOf(KEY_COUNT, 30, 'ascii');
  const rings = [4, 100, 1000, 10_000].map((count) => [count, new HashRing(namesOf(count))] as const);
  const contenders = rings.map(([count, ring]) => [
    `${count.toLocaleString('en')} nodes`,
    lookups((key) => ring.get(key), keys),
  ]);
  return { what: '30 bytes, ASCII', timings: inTurn(Object.fromEntries(contenders), { rounds: rounds * 2 }) };
}

function getManyRow(bytes: number, kind: 'ascii' | 'utf8'): Row {
  const ring = new HashRing(namesOf(100));
  const all = keysOf(KEY_COUNT, bytes, kind);
  const batches = Array.from({ length: 100 }, (_, i) => all.slice(i * 1000, i * 1000 + 1000));
  check(
    batches.every((keys) => ring.getMany(keys).every((owner, i) => owner === ring.get(keys[i] as string))),
    'getMany and get find different owners',
  );
  const eachBatch =
    (getBatch: (keys: readonly string[]) => ArrayLike<unknown>): Work =>
    () => {
      let count = 0;
      for (const keys of batches) count += getBatch(keys).length;
      return count;
    };
  return {
    what: `1,000 keys of ${bytes} bytes, ${kind === 'ascii' ? 'ASCII' : 'UTF-8'}`,
    timings: inTurn(
      {
        'get in a loop': eachBatch((keys) => {
          const owners: (string | undefined)[] = [];
          for (const key of keys) owners.push(ring.get(key));
          return owners;
        }),
        getMany: eachBatch((keys) => ring.getMany(keys)),
        getManyIndexes: eachBatch((keys) => ring.getManyIndexes(keys)),
      },
      { rounds: rounds * 2 },
    ),
  };
}

function buildRow(nodeCount: number, peerNames: readonly PeerName[]): Row {
  const names = namesOf(nodeCount);
  const times = Math.max(1, Math.round(1000 / nodeCount));
  const many =
    (make: () => unknown, count = times): Work =>
    () => {
      for (let i = 0; i < count; i++) make();
      return count;
    };
  const contenders: Record<string, Work> = { 'hash-ring': many(() => new HashRing(names)) };
  for (const name of peerNames) contenders[name] = many(() => peers[name](names), Math.ceil(times / 10));
  return {
    what: `${nodeCount.toLocaleString('en')} nodes`,
    timings: inTurn(contenders, { rounds: Math.min(rounds, 9), warmup: 1 }),
  };
}

function addRow(): Row {
  const names = namesOf(1000);
  const prepared = <T>(make: () => T, add: (ring: T, name: string) => void): Work => {
    const ring = make();
    let added = 0;
    return () => {
      add(ring, `10.9.0.${added++}:6379`);
      return 1;
    };
  };
  const contenders: Record<string, Work> = {
    'hash-ring': prepared(
      () => new HashRing(names),
      (ring, name) => ring.add(name),
    ),
  };
  for (const name of ['hashring', 'ketama'] as const) {
    contenders[name] = prepared(
      () => peers[name](names),
      (ring, added) => ring.add(added),
    );
  }
  return { what: 'a node to 1,000', timings: inTurn(contenders, { rounds }) };
}

/** The bytes that an object takes up after garbage collection. */
function bytesOf(make: () => unknown): number {
  const { gc } = globalThis;
  if (!gc) throw new Error('run with --expose-gc');
  const used = () => {
    gc();
    gc();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = used();
  const made = make();
  const after = used();
  check(made !== undefined, 'nothing was made');
  return after - before;
}

function memory(): Record<string, number> {
  const names = namesOf(1000);
  const points = Array.from(new HashRing(names).points()).length;
  return {
    'hash-ring': bytesOf(() => new HashRing(names)) / points,
    hashring: bytesOf(() => peers.hashring(names)) / points,
    // ketama has 50 points for each node, not 160.
    ketama: bytesOf(() => peers.ketama(names)) / (1000 * 50),
  };
}

/**
 * The heap bytes that a lookup allocates, computed from the heap's growth during many lookups without garbage
 * collection.
 */
async function bytesPerLookup(ring: Ring, keys: readonly string[]): Promise<number> {
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  // Uses an index: a loop over an iterable allocates an object per iteration until V8 has compiled the loop.
  const getAll = () => {
    let found = 0;
    for (let i = 0; i < keys.length; i++) if (ring.get(keys[i] as string) !== undefined) found++;
    return found;
  };
  for (let i = 0; i < 20; i++) check(getAll() === keys.length, 'a key has no owner');
  globalThis.gc?.();
  await new Promise((resolve) => setTimeout(resolve, 50));
  observer.observe({ entryTypes: ['gc'] });
  const before = process.memoryUsage().heapUsed;
  getAll();
  const grown = process.memoryUsage().heapUsed - before;
  await new Promise((resolve) => setTimeout(resolve, 50));
  observer.disconnect();
  check(collections === 0, 'garbage was collected during the count');
  return grown / keys.length;
}

const both: readonly PeerName[] = ['hashring', 'ketama'];
const step = <T>(name: string, run: () => T): T => {
  process.stderr.write(`${name}\n`);
  return run();
};
const results = {
  machine: machine(),
  date: new Date().toISOString().slice(0, 10),
  rounds,
  native: native.name,
  lookups: [
    ...([10, 30, 60, 200] as const).flatMap((bytes) =>
      (['ascii', 'utf8'] as const).map((kind) =>
        step(`lookups, ${bytes} ${kind}`, () => lookupRow(100, bytes, kind, both)),
      ),
    ),
  ],
  moreNodes: [
    step('lookups, 4 nodes', () => lookupRow(4, 30, 'ascii', [...both, 'consistent-hashing'])),
    step('lookups, 1,000 nodes', () => lookupRow(1000, 30, 'ascii', both)),
    step('lookups, 10,000 nodes', () => lookupRow(10_000, 30, 'ascii', ['hashring'])),
  ],
  growth: [step('growth', growthRow)],
  getMany: [
    getManyRow(10, 'ascii'),
    getManyRow(30, 'ascii'),
    getManyRow(60, 'ascii'),
    getManyRow(200, 'ascii'),
    getManyRow(30, 'utf8'),
  ],
  build: [
    step('build 4', () => buildRow(4, [...both, 'consistent-hashing'])),
    step('build 100', () => buildRow(100, both)),
    step('build 1,000', () => buildRow(1000, both)),
    step('build 10,000', () => buildRow(10_000, ['hashring'])),
  ],
  add: [step('add', addRow)],
  bytesPerPoint: step('memory', memory),
  bytesPerGet: await step('allocations', () =>
    bytesPerLookup(new HashRing(namesOf(100)), keysOf(KEY_COUNT, 30, 'ascii')),
  ),
};
native.close();

mkdirSync(new URL('../../.bench/', import.meta.url), { recursive: true });
writeFileSync(new URL('../../.bench/ring.json', import.meta.url), `${JSON.stringify(results, null, 2)}\n`);

for (const section of [
  results.lookups,
  results.moreNodes,
  results.growth,
  results.getMany,
  results.build,
  results.add,
]) {
  for (const { what, timings } of section) {
    const [ours] = Object.values(timings) as [Timing];
    const cells = Object.entries(timings).map(([name, { median, min, max }]) => {
      return `${name} ${median.toFixed(0)} ns (${min.toFixed(0)} to ${max.toFixed(0)}; x ${(median / ours.median).toFixed(2)})`;
    });
    console.log(`${what}: ${cells.join(', ')}`);
  }
}
console.log('bytes per point:', results.bytesPerPoint, 'bytes per get:', results.bytesPerGet);
export type Results = typeof results;
