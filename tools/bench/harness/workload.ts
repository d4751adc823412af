import type { Subject } from './contestant.js';
import { mulberry32 } from './mulberry32.js';
import { WrongResult } from './wrong-result.js';

const KEY_LENGTH = 30;
/** A power of two, so that a turn finds its place with one AND. */
const ORDER_LENGTH = 65_536;
/** 0.99, as in YCSB. */
const ZIPF_EXPONENT = 0.99;
const WRITE_SHARE = 0.1;
const FILL_BYTES = 1_000_000;

/** Everything that is asked for in a round, built before it. */
export interface Workload {
  readonly keys: readonly string[];
  /** Two values for each key, for the writes of odd and even rounds. */
  readonly values: readonly [readonly string[], readonly string[]];
  /** Which key a turn asks for: uniform, or a few hot ones. */
  readonly order: Uint32Array;
  readonly hotOrder: Uint32Array;
  /** 1 where the turn of a mixed load writes. */
  readonly writes: Uint8Array;
}

/** The place of a turn in the orders. */
export const ORDER_MASK = ORDER_LENGTH - 1;

/** 10,000 keys, or as many as make 10 MB. */
const keyCountFor = (valueBytes: number) => (valueBytes > 1_000 ? 1_000 : 10_000);

/** @param keyPrefix what the caller has to put before each key; the keys themselves have 30 bytes */
export function createWorkload(valueBytes: number, keyPrefix: string): Workload {
  const keyCount = keyCountFor(valueBytes);
  const random = mulberry32(0x5eed);
  const names = Array.from({ length: keyCount }, (_, index) => keyName(valueBytes, index, random));
  return {
    keys: names.map((name) => flat(keyPrefix + name)),
    values: [
      names.map((name) => text(`${name} a `, valueBytes, random)),
      names.map((name) => text(`${name} b `, valueBytes, random)),
    ],
    order: Uint32Array.from({ length: ORDER_LENGTH }, () => Math.floor(random() * keyCount)),
    hotOrder: zipfOrder(keyCount, random),
    writes: Uint8Array.from({ length: ORDER_LENGTH }, () => (random() < WRITE_SHARE ? 1 : 0)),
  };
}

/** What is in Redis already: the cells of a scenario share it. */
const filled = new WeakSet<Workload>();

/** Writes every key's first value. */
export async function fill(subject: Subject, workload: Workload): Promise<void> {
  if (filled.has(workload)) return;
  filled.add(workload);
  const {
    keys,
    values: [values],
  } = workload;
  const step = Math.max(1, Math.floor(FILL_BYTES / (values[0] as string).length / 10));
  for (let from = 0; from < keys.length; from += step) {
    const entries = keys
      .slice(from, from + step)
      .map((key, offset) => ({ key, value: values[from + offset] as string }));
    await subject.setMany(entries);
  }
}

/** Reads back what a round has written. */
export async function checkWritten(
  subject: Subject,
  { keys, order }: Workload,
  values: readonly string[],
  turnCount: number,
): Promise<void> {
  const written = [...new Set(order.subarray(0, Math.min(turnCount, 100)))];
  const found = await subject.getMany(written.map((index) => keys[index] as string));
  for (const [position, index] of written.entries()) {
    if (found[position] === values[index]) continue;
    throw new WrongResult(`${keys[index]} after it was set`, values[index], found[position]);
  }
}

function keyName(valueBytes: number, index: number, random: () => number): string {
  const noise = Math.floor(random() * 2 ** 32).toString(36);
  return `session:${valueBytes}:${index.toString(36)}:${noise}`.padEnd(KEY_LENGTH, 'k');
}

function text(start: string, length: number, random: () => number): string {
  let rest = '';
  while (start.length + rest.length < length) rest += random().toString(36).slice(2);
  return flat((start + rest).slice(0, length));
}

/** One piece of memory; V8 keeps what is concatenated as a tree until somebody reads it. */
function flat(value: string): string {
  return Buffer.from(value, 'latin1').toString('latin1');
}

function zipfOrder(keyCount: number, random: () => number): Uint32Array {
  const cumulative = new Float64Array(keyCount);
  let sum = 0;
  for (let rank = 0; rank < keyCount; rank++) {
    sum += 1 / (rank + 1) ** ZIPF_EXPONENT;
    cumulative[rank] = sum;
  }
  return Uint32Array.from({ length: ORDER_LENGTH }, () => {
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
