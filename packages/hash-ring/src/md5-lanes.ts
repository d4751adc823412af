/**
 * MD5's mixing of a block (RFC 1321, 3.4) for eight keys at once, in WebAssembly SIMD. Every step of
 * MD5 waits for the one before it, so one key at a time leaves most of the machine idle: eight lanes,
 * as two vectors of four side by side, take about twice the time of one key.
 *
 * The module is written here, opcode by opcode, rather than shipped as a blob: it can be read, it is
 * smaller than its base64, and its 2 KB stay below the limit of some browsers for compiling at once.
 */

/** How many keys are mixed at once. */
export const LANES = 8;

/**
 * What stands where in the memory, in bytes. Word `k` of all lanes' blocks stands together, and so does
 * each of the state's four words: a lane is a column.
 */
export const BLOCK = 0;
export const STATE = BLOCK + 16 * LANES * 4;
export const SINES = STATE + 4 * LANES * 4;
export const ARENA = SINES + 64 * 4;

/** Rotations of the four steps of a turn, a row for each round. */
const ROTATIONS = [
  [7, 12, 17, 22],
  [5, 9, 14, 20],
  [4, 11, 16, 23],
  [6, 10, 15, 21],
] as const;

/** Step `t` of a round reads word `(a * t + b) mod 16`. */
const WORD_ORDER = [
  [1, 0],
  [5, 1],
  [3, 5],
  [7, 0],
] as const;

/** An integer as LEB128. A bit more room than unsigned ones need, so that it is right for signed ones. */
function leb(n: number): number[] {
  return n < 64 ? [n] : [(n & 127) | 128, ...leb(n >> 7)];
}

const constant = (n: number) => [0x41, ...leb(n)];
const get = (local: number) => [0x20, local];
const set = (local: number) => [0x21, local];
const tee = (local: number) => [0x22, local];
const simd = (code: number, ...immediates: number[]) => [0xfd, ...leb(code), ...immediates];
const loadVector = (offset: number) => simd(0x00, 4, ...leb(offset));
const loadSplat = (offset: number) => simd(0x09, 2, ...leb(offset));
const storeVector = (offset: number) => simd(0x0b, 4, ...leb(offset));
const NOT = simd(0x4d);
const AND = simd(0x4e);
const AND_NOT = simd(0x4f);
const OR = simd(0x50);
const XOR = simd(0x51);
const SHIFT_LEFT = simd(0xab);
const SHIFT_RIGHT = simd(0xad);
const ADD = simd(0xae);

/** Locals: 0 to 7 are a, b, c, d of both vectors; then the turn's offset into the sines, a word's address. */
const TURN = 8;
const WORD = 9;

function step(round: number, turnStep: number, half: number): number[] {
  const [a, b, c, d] = [0, 1, 2, 3].map((v) => 2 * ((v - turnStep) & 3) + half) as [
    number,
    number,
    number,
    number,
  ];
  // What needs only c and d stands before b, which the step before has just made: the wait is for b alone.
  const mixed = [
    [...get(c), ...get(d), ...XOR, ...get(b), ...AND, ...get(d), ...XOR, ...ADD],
    [...get(c), ...get(d), ...AND_NOT, ...ADD, ...get(b), ...get(d), ...AND, ...ADD],
    [...get(c), ...get(d), ...XOR, ...get(b), ...XOR, ...ADD],
    [...get(d), ...NOT, ...get(b), ...OR, ...get(c), ...XOR, ...ADD],
  ][round] as number[];
  const rotation = (ROTATIONS[round] as readonly number[])[turnStep] as number;
  return [
    ...[
      ...get(WORD),
      ...loadVector(BLOCK + 16 * half),
      ...get(TURN),
      ...loadSplat(SINES + 4 * turnStep),
      ...ADD,
    ],
    ...[...get(a), ...ADD, ...mixed, ...tee(a), ...constant(rotation), ...SHIFT_LEFT],
    ...[...get(a), ...constant(32 - rotation), ...SHIFT_RIGHT, ...OR, ...get(b), ...ADD, ...set(a)],
  ];
}

function wordAddress(round: number, turnStep: number): number[] {
  const [factor, first] = WORD_ORDER[round] as readonly [number, number];
  const start = 4 * LANES * ((factor * turnStep + first) & 15);
  const mask = 16 * 4 * LANES - 1;
  // TURN counts bytes of sines, four for each step.
  const scale = factor * LANES;
  return [
    ...get(TURN),
    ...constant(scale),
    0x6c,
    ...constant(start),
    0x6a,
    ...constant(mask),
    0x71,
    ...set(WORD),
  ];
}

function body(): number[] {
  const bytes: number[] = [];
  const vectors = [0, 1, 2, 3, 4, 5, 6, 7];
  for (const v of vectors) bytes.push(...constant(0), ...loadVector(STATE + 16 * v), ...set(v));
  for (let round = 0; round < 4; round++) {
    bytes.push(0x03, 0x40); // loop
    for (let turnStep = 0; turnStep < 4; turnStep++) {
      bytes.push(...wordAddress(round, turnStep), ...step(round, turnStep, 0), ...step(round, turnStep, 1));
    }
    // Four steps on; again while the round lasts.
    bytes.push(
      ...get(TURN),
      ...constant(16),
      0x6a,
      ...tee(TURN),
      ...constant(64 * (round + 1)),
      0x49,
      0x0d,
      0,
      0x0b,
    );
  }
  for (const v of vectors) {
    bytes.push(
      ...constant(0),
      ...get(v),
      ...constant(0),
      ...loadVector(STATE + 16 * v),
      ...ADD,
      ...storeVector(STATE + 16 * v),
    );
  }
  return bytes;
}

function section(id: number, bytes: number[]): number[] {
  return [id, ...leb(bytes.length), ...bytes];
}

/**
 * A function that mixes the blocks of all lanes into their states, both in this memory; `undefined`
 * where there is no SIMD, or where a page's security policy forbids to compile.
 */
export function compileLanes(memory: WebAssembly.Memory): (() => void) | undefined {
  const code = [2, 8, 0x7b, 2, 0x7f, ...body(), 0x0b]; // locals: eight vectors, two integers
  const module = Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
    ...section(1, [1, 0x60, 0, 0]), // a type: nothing in, nothing out
    ...section(2, [1, 1, 0x6d, 1, 0x6d, 2, 0, 1]), // import memory m.m, one page or more
    ...section(3, [1, 0]),
    ...section(7, [1, 1, 0x66, 0, 0]), // export the function as f
    ...section(10, [1, ...leb(code.length), ...code]),
  ]);
  try {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module), { m: { m: memory } });
    return exports['f'] as () => void;
  } catch {
    return undefined;
  }
}
