import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { lookUp, positionOf } from '../src/lookup.js';

test('a lookup finds the first point at or after the hash, even if many points have the same prefix', () => {
  const uint32 = fc.nat({ max: 0xffffffff });
  fc.assert(
    fc.property(
      fc.uniqueArray(uint32, { minLength: 1, maxLength: 400 }),
      uint32,
      fc.nat(),
      (given, any, index) => {
        // With one-bit prefixes, an entry has one bit for its owner. The two owners alternate.
        const points = [...new Set(given.map((point) => (point & ~1) >>> 0))].sort((a, b) => a - b);
        const half = points.filter((point) => point < 2 ** 31).length;
        const table = {
          bits: 1,
          prefixes: Uint32Array.of(0, half, points.length),
          entries: Uint32Array.from(points, (point, i) => (point << 1) | (i & 1)),
        };
        const at = points[index % points.length] as number;
        const hashes = [any, at, at - 1, at + 1, 0, 0xffffffff].filter((hash) => hash >>> 0 === hash);
        const expected = hashes.map((hash) =>
          Math.max(
            0,
            points.findIndex((point) => point >= hash),
          ),
        );
        expect(hashes.map((hash) => positionOf(table, hash))).toEqual(expected);
        expect(hashes.map((hash) => lookUp(table, hash))).toEqual(expected.map((position) => position & 1));
      },
    ),
    { numRuns: 500 },
  );
});
