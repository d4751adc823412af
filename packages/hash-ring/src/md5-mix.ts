/**
 * MD5's mixing of a block into a state (RFC 1321, 3.4), as WebAssembly for one block and for two at once.
 * Every step of MD5 waits for the one before it, so a key alone leaves half of the machine idle: two keys
 * take little more time than one. More were tried: they save little, and soon run out of registers.
 *
 * The module is assembled from formulas rather than shipped as a blob: it can be read, and it is smaller.
 */

/** How many states there are. They stand at the start of the memory: word 0 of each, then word 1 of each... */
export const LANES = 2;

export const SINES = Array.from({ length: 64 }, (_, i) => (2 ** 32 * Math.abs(Math.sin(i + 1))) | 0);
export const ROTATIONS = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];
/** The round's function of b, c and d, as a stack machine reads it. */
const FORMULAS = ['cd^b&d^', 'cd~&+bd&', 'cd^b^', 'd~b|c^'];

/** Mixes the blocks at these addresses, the first into state 0, the second into state 1. */
export interface Mixers {
  readonly one: (block: number) => void;
  readonly two: (first: number, second: number) => void;
}

/** Which word of the block step i reads. */
export function wordAt(i: number): number {
  return (i < 16 ? i : i < 32 ? 5 * i + 1 : i < 48 ? 3 * i + 5 : 7 * i) & 15;
}

/** Mixers for this memory. @throws where there is no WebAssembly, or a page's policy forbids to compile */
export function compileMixers(memory: WebAssembly.Memory): Mixers {
  const section = (id: number, ...bytes: number[]) => [id, ...leb(bytes.length), ...bytes];
  const module = [
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
    ...section(1, 2, 0x60, 1, 0x7f, 0, 0x60, 2, 0x7f, 0x7f, 0), // types: one integer in, two; nothing out
    ...section(2, 1, 1, 0x6d, 1, 0x6d, 2, 0, 1), // import memory m.m, one page or more
    ...section(3, 2, 0, 1),
    ...section(7, 2, 1, 0x61, 0, 0, 1, 0x62, 0, 1), // export the functions as a and b
    ...section(10, 2, ...mixer(1), ...mixer(LANES)),
  ];
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(module)), {
    m: { m: memory },
  });
  return { one: exports['a'] as Mixers['one'], two: exports['b'] as Mixers['two'] };
}

/** The code for so many blocks. Beside its block's address each has four locals, a to d, that take turns. */
function mixer(lanes: number): number[] {
  const code = [1, 4 * lanes, 0x7f]; // locals: so many integers
  const forState = (emit: (local: number, at: number) => number[]) => {
    for (let i = 0; i < 4 * lanes; i++) {
      code.push(0x41, 0, ...emit(i + lanes, 4 * ((i % lanes) + LANES * Math.floor(i / lanes))));
    }
  };
  forState((local, at) => [0x28, 2, at, 0x21, local]);
  for (let i = 0; i < 64; i++) {
    for (let lane = 0; lane < lanes; lane++) {
      const local = (letter: number) => ((letter - i) & 3) * lanes + lane + lanes;
      const opcodes: Record<string, number[]> = {
        a: [0x20, local(0)],
        b: [0x20, local(1)],
        c: [0x20, local(2)],
        d: [0x20, local(3)],
        '=': [0x21, local(0)],
        w: [0x20, lane, 0x28, 0, 4 * wordAt(i)], // at any address, so not aligned
        k: [0x41, ...leb(SINES[i] as number)],
        s: [0x41, ROTATIONS[((i >> 4) << 2) | (i & 3)] as number],
        '<': [0x77],
        '+': [0x6a],
        '&': [0x71],
        '|': [0x72],
        '^': [0x73],
        '~': [0x41, 0x7f, 0x73],
      };
      // What needs no b stands first: b is what the step before has just made.
      for (const letter of `wk+a+${FORMULAS[i >> 4]}+s<b+=`) code.push(...(opcodes[letter] as number[]));
    }
  }
  forState((local, at) => [0x41, 0, 0x28, 2, at, 0x20, local, 0x6a, 0x36, 2, at]);
  code.push(0x0b);
  return [...leb(code.length), ...code];
}

/** An integer as signed LEB128, which for what is not negative is a valid unsigned one. */
function leb(n: number): number[] {
  return n < 64 && n >= -64 ? [n & 127] : [(n & 127) | 128, ...leb(n >> 7)];
}
