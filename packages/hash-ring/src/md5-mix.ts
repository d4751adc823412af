/**
 * MD5's mixing of a block into its state (RFC 1321, 3.4), as WebAssembly for one lane and for all lanes at
 * once. Every step of MD5 waits for the one before it, so a key alone leaves half of the machine idle: two
 * keys take little more time than one.
 *
 * The module is assembled from formulas rather than shipped as a blob: it can be read, and it is smaller.
 */

/** How many keys are mixed at once. More were tried: they save little, and soon run out of registers. */
export const LANES = 2;

/**
 * What stands where in the memory, in bytes. Word k of all lanes' blocks stands together, and so does each
 * of the four words of their states: a lane is a column.
 */
export const STATE = 16 * LANES * 4;
export const ARENA = STATE + 4 * LANES * 4;

export const SINES = Array.from({ length: 64 }, (_, i) => (2 ** 32 * Math.abs(Math.sin(i + 1))) | 0);
export const ROTATIONS = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];
/** The round's function of b, c and d, as a stack machine reads it. */
const FORMULAS = ['cd^b&d^', 'cd~&+bd&', 'cd^b^', 'd~b|c^'];

/** Which word of the block step i reads. */
export function wordAt(i: number): number {
  return (i < 16 ? i : i < 32 ? 5 * i + 1 : i < 48 ? 3 * i + 5 : 7 * i) & 15;
}

/**
 * Mixers of blocks into states in this memory, for lane 0 and for all lanes; none where a page's security
 * policy forbids to compile.
 */
export function compileMixers(memory: WebAssembly.Memory): [one: () => void, all: () => void] | undefined {
  const section = (id: number, ...bytes: number[]) => [id, ...leb(bytes.length), ...bytes];
  const module = [
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
    ...section(1, 1, 0x60, 0, 0), // a type: nothing in, nothing out
    ...section(2, 1, 1, 0x6d, 1, 0x6d, 2, 0, 1), // import memory m.m, one page or more
    ...section(3, 2, 0, 0),
    ...section(7, 2, 1, 0x61, 0, 0, 1, 0x62, 0, 1), // export the functions as a and b
    ...section(10, 2, ...mixer(1), ...mixer(LANES)),
  ];
  try {
    const { a, b } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(module)), {
      m: { m: memory },
    }).exports as Record<string, () => void>;
    return a && b && [a, b];
  } catch {
    return undefined;
  }
}

/** The code for some lanes. Each has four locals, a to d, which take turns instead of moving. */
function mixer(lanes: number): number[] {
  const code = [1, 4 * lanes, 0x7f]; // locals: so many integers
  const load = (at: number) => [0x41, 0, 0x28, 2, ...leb(at)];
  const forState = (emit: (local: number, at: number) => number[]) => {
    for (let i = 0; i < 4 * lanes; i++) {
      code.push(...emit(i, STATE + 4 * (Math.floor(i / lanes) * LANES + (i % lanes))));
    }
  };
  forState((local, at) => [...load(at), 0x21, local]);
  for (let i = 0; i < 64; i++) {
    for (let lane = 0; lane < lanes; lane++) {
      const local = (letter: number) => ((letter - i) & 3) * lanes + lane;
      const opcodes: Record<string, number[]> = {
        a: [0x20, local(0)],
        b: [0x20, local(1)],
        c: [0x20, local(2)],
        d: [0x20, local(3)],
        '=': [0x21, local(0)],
        w: load(4 * (wordAt(i) * LANES + lane)),
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
  forState((local, at) => [0x41, 0, ...load(at), 0x20, local, 0x6a, 0x36, 2, ...leb(at)]);
  code.push(0x0b);
  return [...leb(code.length), ...code];
}

/** An integer as signed LEB128, which for what is not negative is a valid unsigned one. */
function leb(n: number): number[] {
  return n < 64 && n >= -64 ? [n & 127] : [(n & 127) | 128, ...leb(n >> 7)];
}
