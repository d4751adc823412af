import { describe, expect, test } from '@jest/globals';
import { asWritable, partsOf } from '../../src/node/command-length.js';

const MIB = 2 ** 20;
const parts = (...lengths: number[]) => partsOf(lengths.length, (index) => lengths[index] as number);

describe('partsOf() splits arguments', () => {
  test.each<[number[], [number, number][]]>([
    [[], [[0, 0]]],
    [[1], [[0, 1]]],
    [[1, 2, 3], [[0, 3]]],
    [[MIB], [[0, 1]]],
    [[3 * MIB], [[0, 1]]],
    [
      [MIB - 1, 1, 1],
      [
        [0, 2],
        [2, 3],
      ],
    ],
    [
      [1, 3 * MIB, 1, 1],
      [
        [0, 1],
        [1, 2],
        [2, 4],
      ],
    ],
  ])('of the lengths %j into %j', (lengths, expected) => {
    expect(parts(...lengths)).toEqual(expected);
  });
});

describe('asWritable()', () => {
  test('returns the same list if no text is long', () => {
    const args = ['SET', 'key', 'v'.repeat(MIB), Buffer.alloc(2 * MIB)];
    expect(asWritable(args)).toBe(args);
  });

  test('returns long text as bytes, because node-redis would join it with other text', () => {
    const text = `ü${'x'.repeat(MIB)}`;
    const [name, key, bytes] = asWritable(['SET', 'key', text]);
    expect([name, key]).toEqual(['SET', 'key']);
    // toEqual() would take seconds for so many bytes.
    expect((bytes as Buffer).equals(Buffer.from(text))).toBe(true);
  });
});
