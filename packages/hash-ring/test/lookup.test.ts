import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { successor } from '../src/lookup.js';

test('the successor is the first point from the hash on, however many points share a prefix', () => {
  const uint32 = fc.nat({ max: 0xffffffff });
  fc.assert(
    fc.property(
      fc.uniqueArray(uint32, { minLength: 1, maxLength: 400 }),
      uint32,
      fc.nat(),
      (given, any, index) => {
        // The last bit is the owner's, where the first one is left out.
        const points = [...new Set(given.map((point) => (point & ~1) >>> 0))].sort((a, b) => a - b);
        const half = points.filter((point) => point < 2 ** 31).length;
        const table = {
          bits: 1,
          prefixes: Uint32Array.of(0, half, points.length),
          entries: Uint32Array.from(points, (point) => point << 1),
        };
        const at = points[index % points.length] as number;
        for (const hash of [any, at, at - 1, at + 1, 0, 0xffffffff].filter((hash) => hash >>> 0 === hash)) {
          const expected = points.findIndex((point) => point >= hash);
          expect(successor(table, hash)).toBe(Math.max(0, expected));
        }
      },
    ),
    { numRuns: 1000 },
  );
});
