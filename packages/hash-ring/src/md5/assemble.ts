import { K, shiftOf, wordOf } from './constants.js';

/**
 * The inner loop of MD5 (RFC 1321, 3.4) as a WebAssembly module, for one block or for several blocks at once.
 * Each step of MD5 depends on the previous step, so a single key leaves about half of a processor's execution
 * units idle. Mixing two keys at once therefore takes little more time than mixing one. Mixing more than two
 * keys gains little, because it needs more registers than a processor has.
 *
 * The module is assembled from formulas, because they are readable and smaller than a binary.
 *
 * A formula is a program for WebAssembly's stack machine, with one letter per operation:
 *
 *     a b c d     push the value of the local variable for this word of the state
 *     X K s       push this step's word of the block, constant and shift
 *     + & | ^     pop two values, push the result
 *     ~           pop a value, push its complement
 *     <           pop a shift and a value, push the value rotated to the left
 *     =           pop a value, store it in the local variable for `a`
 *     r           push the state's word `a` from memory
 *     0           push the address 0
 *     !           pop a value and an address, store the value in the word that `r` reads
 */

/**
 * F, G, H and I. Operations that do not need `b` come first, because the previous step has only just
 * computed `b`.
 */
const FUNCTIONS = [
  'cd^b&d^', // F: (b & c) | (~b & d), as ((c ^ d) & b) ^ d
  'cd~&+bd&', // G: (b & d) | (c & ~d), as two summands, because they have no bit in common
  'cd^b^', // H: b ^ c ^ d
  'd~b|c^', // I: c ^ (b | ~d)
];

/**
 * Builds the module. It imports the memory `m.m` and exports a function `f`. The function takes the address
 * of one block per lane, and mixes each block into the lane's state. The state of lane n is four words at the
 * address 16 n.
 */
export function assembleMixer(laneCount: number): Uint8Array<ArrayBuffer> {
  const code: number[] = [];
  const emit = (step: number, formula: string) => {
    for (let lane = 0; lane < laneCount; lane++) {
      // After a step, `d a b c` become the next step's `a b c d`. The values stay in their variables. Only
      // the letters change.
      const word = (letter: number) => (letter - step) & 3;
      // The first variables are the parameters: the addresses of the blocks.
      const variable = (letter: number) => laneCount + 4 * lane + word(letter);
      const stateAddress = 16 * lane + 4 * word(0);
      const operations: Record<string, number[]> = {
        a: [0x20, variable(0)], // local.get
        b: [0x20, variable(1)],
        c: [0x20, variable(2)],
        d: [0x20, variable(3)],
        X: [0x20, lane, 0x28, 0, 4 * wordOf(step)], // local.get, i32.load from any alignment
        K: [0x41, ...leb128(K[step] as number)], // i32.const
        s: [0x41, shiftOf(step)],
        '+': [0x6a], // i32.add
        '&': [0x71], // i32.and
        '|': [0x72], // i32.or
        '^': [0x73], // i32.xor
        '~': [0x41, 0x7f, 0x73], // i32.const -1, i32.xor
        '<': [0x77], // i32.rotl
        '=': [0x21, variable(0)], // local.set
        r: [0x28, 2, stateAddress], // i32.load, aligned to 2 ** 2 bytes
        0: [0x41, 0], // i32.const 0
        '!': [0x36, 2, stateAddress], // i32.store
      };
      for (const letter of formula) code.push(...(operations[letter] as number[]));
    }
  };
  // In four steps, each word of the state is `a` once.
  for (let step = 0; step < 4; step++) emit(step, '0r=');
  for (let step = 0; step < 64; step++) emit(step, `XK+a+${FUNCTIONS[step >> 4]}+s<b+=`);
  for (let step = 0; step < 4; step++) emit(step, '00ra+!');
  return moduleOf(laneCount, code);
}

/** The binary format: https://webassembly.github.io/spec/core/binary/modules.html */
function moduleOf(laneCount: number, code: readonly number[]): Uint8Array<ArrayBuffer> {
  const counted = (bytes: readonly number[]) => [...leb128(bytes.length), ...bytes];
  const section = (id: number, ...bytes: number[]) => [id, ...counted(bytes)];
  const i32 = 0x7f;
  const m = 0x6d;
  const f = 0x66;
  return Uint8Array.of(
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
    ...section(1, 1, 0x60, ...counted(Array(laneCount).fill(i32)), 0), // a function type without a result
    ...section(2, 1, 1, m, 1, m, 2, 0, 1), // import the memory m.m of at least one page
    ...section(3, 1, 0), // a function of that type
    ...section(7, 1, 1, f, 0, 0), // export it as f
    ...section(10, 1, ...counted([1, 4 * laneCount, i32, ...code, 0x0b])), // its variables, its code, the end
  );
}

/** An integer as signed LEB128. If the integer is not negative, this is also valid unsigned LEB128. */
function leb128(n: number): number[] {
  return n < 64 && n >= -64 ? [n & 127] : [(n & 127) | 128, ...leb128(n >> 7)];
}
