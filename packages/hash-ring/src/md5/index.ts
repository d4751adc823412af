/**
 * MD5 (RFC 1321) of short keys, as 32-bit little-endian words: ketama places a key by the first word, and a node
 * by all four. MD5 spreads keys evenly; it does not protect anything.
 *
 * To read the folder in order:
 *
 * 1. `constants.ts` explains the letters, `reference.ts` is MD5 of one key in plain TypeScript.
 * 2. `assemble.ts` makes WebAssembly of the same formulas, `mixer.ts` compiles it once it pays,
 *    `one-key.ts` hashes a key with it.
 * 3. `batch.ts` hashes many keys, two at a time; `write-run.ts` encodes them together.
 */
export { md5Many } from './batch.js';
export { md5 } from './one-key.js';
