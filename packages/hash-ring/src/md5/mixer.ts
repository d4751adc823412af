import { assembleMixer } from './assemble.js';
import { initialize, mixBlock, pad } from './reference.js';

/**
 * All calls use the same memory, so a call allocates nothing. The memory has two lanes. Each lane has a
 * state, and an arena for the keys' bytes.
 */
const wasmMemory = globalThis.WebAssembly && new WebAssembly.Memory({ initial: 2 });
const buffer = wasmMemory?.buffer ?? new ArrayBuffer(2 ** 17);
const memory = new DataView(buffer);

const stateOf = (lane: number) => new Uint32Array(buffer, 16 * lane, 4);
export const state0 = stateOf(0);
export const state1 = stateOf(1);

const ARENA_ADDRESS = 2 ** 15;
/** The rest of an arena's 32 KB is for the padding of its last key. */
export const ARENA_BYTES = 2 ** 15 - 128;
const arenaOf = (lane: number) => new Uint8Array(buffer, ARENA_ADDRESS << lane, ARENA_BYTES);
export const arena0 = arenaOf(0);
export const arena1 = arenaOf(1);

/** Starts the digest of the key at this address. @returns the end of its last block */
export function startDigest(state: Uint32Array, key: number, byteCount: number): number {
  initialize(state);
  return pad(memory, key, byteCount);
}

/** The digest of the key at the start of `arena0`. The next call overwrites it. */
export function digestOfArena(byteCount: number): Uint32Array {
  let block = ARENA_ADDRESS;
  for (const end = startDigest(state0, block, byteCount); block < end; block += 64) mixOne(block);
  return state0;
}

/** Mixes the block at this address into `state0`. */
let mixOne = (block: number): void => {
  mixBlock(state0, memory, block);
  if (++blockCount === COMPILE_AFTER_BLOCKS) compile();
};

/** Mixes the first block into `state0`, and the second block into `state1`. */
export let mixTwo = (first: number, second: number): void => {
  mixOne(first);
  mixBlock(state1, memory, second);
};

/**
 * WebAssembly is compiled after this number of blocks. Compiling takes milliseconds, which is too long for a
 * program that hashes only a few keys.
 */
const COMPILE_AFTER_BLOCKS = 2000;
let blockCount = 0;

function compile(): void {
  try {
    const [one, two] = [1, 2].map((laneCount) => {
      const module = new WebAssembly.Module(assembleMixer(laneCount));
      return new WebAssembly.Instance(module, { m: { m: wasmMemory } }).exports['f'];
    });
    mixOne = one as typeof mixOne;
    mixTwo = two as typeof mixTwo;
  } catch {
    // WebAssembly is not available, or a web page's policy forbids compiling it. TypeScript gives the same
    // results, but more slowly.
  }
}
