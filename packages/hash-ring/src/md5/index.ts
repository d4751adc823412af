/**
 * MD5 (RFC 1321) of short keys, as 32-bit little-endian words. ketama places a key by the first word of the
 * key's MD5, and a node by all four words. Here, MD5 only spreads keys evenly. It is not used for security.
 *
 * Read the files in this order:
 *
 * 1. `constants.ts` explains the letters. `reference.ts` computes the MD5 of one key in plain TypeScript.
 * 2. `assemble.ts` creates WebAssembly from the same formulas. `mixer.ts` compiles it after a number of
 *    blocks. `one-key.ts` uses it to hash a key.
 * 3. `batch.ts` hashes many keys, two at a time. `write-run.ts` encodes them together.
 */
export { md5Many } from './batch.js';
export { md5 } from './one-key.js';
