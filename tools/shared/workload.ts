import { mulberry32 } from './mulberry32.js';

const KEY_LENGTH = 30;
/** A power of two, so that a single AND turns a turn number into an index. */
const ORDER_LENGTH = 65_536;
/** The exponent that YCSB uses. */
const ZIPF_EXPONENT = 0.99;
const WRITE_SHARE = 0.1;

/** Keys, and what callers do with them in each turn. Built before the clock starts. */
export interface Load {
  readonly keys: readonly string[];
  /** Key indexes, one per turn. Callers start again at the end. */
  readonly order: Uint32Array;
  /** For each turn of a mixed load: 1 for a write, 0 for a read. */
  readonly writes: Uint8Array;
}

/** A load with values and another access order. */
export interface Workload extends Load {
  /** Two values per key: rounds alternate between them, so that each write changes the value. */
  readonly values: readonly [readonly string[], readonly string[]];
  /** Key indexes with a Zipf distribution: a few keys are hot. `order` has a uniform distribution. */
  readonly hotOrder: Uint32Array;
}

/** `turn & ORDER_MASK` is a turn's position in `order`, `hotOrder` and `writes`. */
export const ORDER_MASK = ORDER_LENGTH - 1;

/** Workloads with large values have fewer keys, so that each set of values takes up at most about 10 MB. */
const keyCountFor = (valueBytes: number) => (valueBytes > 1_000 ? 1_000 : 10_000);

/** @param keyPrefix prepended to each key; without a prefix, a key has 30 bytes */
export function createWorkload(valueBytes: number, keyPrefix: string): Workload {
  const keyCount = keyCountFor(valueBytes);
  const random = mulberry32(0x5eed);
  const names = Array.from({ length: keyCount }, (_, index) => keyName(valueBytes, index, random));
  return {
    keys: names.map((name) => flatten(keyPrefix + name)),
    values: [
      names.map((name) => valueText(`${name} a `, valueBytes, random)),
      names.map((name) => valueText(`${name} b `, valueBytes, random)),
    ],
    order: Uint32Array.from({ length: ORDER_LENGTH }, () => Math.floor(random() * keyCount)),
    hotOrder: zipfOrder(keyCount, ORDER_LENGTH, random),
    writes: writeTurns(ORDER_LENGTH, random),
  };
}

/** A load whose key indexes have a Zipf distribution. @param turnCount number of turns until it repeats */
export function createZipfLoad(keys: readonly string[], turnCount: number): Load {
  const random = mulberry32(0x5eed);
  return { keys, order: zipfOrder(keys.length, turnCount, random), writes: writeTurns(turnCount, random) };
}

function writeTurns(length: number, random: () => number): Uint8Array {
  return Uint8Array.from({ length }, () => (random() < WRITE_SHARE ? 1 : 0));
}

function keyName(valueBytes: number, index: number, random: () => number): string {
  const noise = Math.floor(random() * 2 ** 32).toString(36);
  return `session:${valueBytes}:${index.toString(36)}:${noise}`.padEnd(KEY_LENGTH, 'k');
}

function valueText(start: string, length: number, random: () => number): string {
  let noise = '';
  while (start.length + noise.length < length) noise += random().toString(36).slice(2);
  return flatten((start + noise).slice(0, length));
}

/**
 * Copies a string into contiguous memory. V8 stores a concatenated string as a tree until it is first read.
 */
function flatten(value: string): string {
  return Buffer.from(value, 'latin1').toString('latin1');
}

/** Draws key indexes by binary search in the cumulative distribution. */
function zipfOrder(keyCount: number, length: number, random: () => number): Uint32Array {
  const cumulative = new Float64Array(keyCount);
  let sum = 0;
  for (let rank = 0; rank < keyCount; rank++) {
    sum += 1 / (rank + 1) ** ZIPF_EXPONENT;
    cumulative[rank] = sum;
  }
  return Uint32Array.from({ length }, () => {
    const drawn = random() * sum;
    let low = 0;
    let high = keyCount - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((cumulative[middle] as number) < drawn) low = middle + 1;
      else high = middle;
    }
    return low;
  });
}
