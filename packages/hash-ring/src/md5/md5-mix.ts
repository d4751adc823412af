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

/**
 * The mixer of so many blocks in this memory. Beside their addresses it has four locals for each, a to d, that
 * take turns. @throws where there is no WebAssembly, or a page's policy forbids to compile
 */
export function compileMixer(lanes: number, memory: WebAssembly.Memory): (...blocks: number[]) => void {
  const counted = (bytes: readonly number[]) => [...leb(bytes.length), ...bytes];
  const section = (id: number, ...bytes: number[]) => [id, ...counted(bytes)];
  const code = [1, 4 * lanes, 0x7f]; // one kind of locals: so many integers
  // Adds the code for the letters: they stand for what step i of each lane works with.
  const emit = (i: number, letters: string) => {
    for (let lane = 0; lane < lanes; lane++) {
      const local = (letter: number) => ((letter - i) & 3) * lanes + lane + lanes;
      const stateAt = 4 * ((-i & 3) * LANES + lane);
      const opcodes: Record<string, number[]> = {
        a: [0x20, local(0)],
        b: [0x20, local(1)],
        c: [0x20, local(2)],
        d: [0x20, local(3)],
        '=': [0x21, local(0)],
        0: [0x41, 0],
        r: [0x28, 2, stateAt],
        '!': [0x36, 2, stateAt],
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
      for (const letter of letters) code.push(...(opcodes[letter] as number[]));
    }
  };
  for (let word = 0; word < 4; word++) emit(word, '0r=');
  // What needs no b stands first: b is what the step before has just made.
  for (let i = 0; i < 64; i++) emit(i, `wk+a+${FORMULAS[i >> 4]}+s<b+=`);
  for (let word = 0; word < 4; word++) emit(word, '00ra+!');
  const module = [
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
    ...section(1, 1, 0x60, ...counted(Array(lanes).fill(0x7f)), 0), // a type: integers in, nothing out
    ...section(2, 1, 1, 0x6d, 1, 0x6d, 2, 0, 1), // import memory m.m, one page or more
    ...section(3, 1, 0), // a function of that type
    ...section(7, 1, 1, 0x66, 0, 0), // export it as f
    ...section(10, 1, ...counted([...code, 0x0b])),
  ];
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(module)), {
    m: { m: memory },
  });
  return exports['f'] as (...blocks: number[]) => void;
}

/** An integer as signed LEB128, which for what is not negative is a valid unsigned one. */
function leb(n: number): number[] {
  return n < 64 && n >= -64 ? [n & 127] : [(n & 127) | 128, ...leb(n >> 7)];
}
