import { describe, expect, test } from '@jest/globals';
import { HashRing } from 'hash-ring';
import type { Fleet } from '../../src/cli/fleet.js';
import { movingKeys } from '../../src/cli/moving-keys.js';
import type { KeyCount } from '../../src/cli/reading.js';

const [before, after] = [new HashRing(['a', 'b']), new HashRing(['a', 'b', 'c'])];
const fleet = { snapshot: { ring: after }, previous: { ring: before } } as unknown as Fleet;
const { flows } = before.movement(after);
const fractionOf = (from: string) => flows.find((flow) => flow.from === from)?.fraction as number;

const keys = (count: number, changes: Partial<KeyCount> = {}): KeyCount => ({
  count,
  leavingTo: new Map(),
  arrivedFrom: new Map(),
  isEstimate: false,
  ...changes,
});

describe('movingKeys()', () => {
  test('counts keys if all of them were read', () => {
    const counts = new Map([
      ['a', keys(10, { leavingTo: new Map([['c', 4]]) })],
      ['b', keys(10, { leavingTo: new Map([['c', 1]]) })],
      ['c', keys(5, { arrivedFrom: new Map([['b', 5]]) })],
    ]);
    const found = movingKeys(fleet, counts);
    expect(found).toMatchObject({ leftCount: 5, movedCount: 5, isEstimate: false });
    expect(new Map(found.left.map(({ from, keyCount }) => [from, keyCount]))).toEqual(
      new Map([
        ['a', 4],
        ['b', 1],
      ]),
    );
  });

  test('estimates from the keys that have arrived, as a change empties the beginning of a SCAN first', () => {
    const counts = new Map([
      ['a', keys(450_000, { isEstimate: true })],
      ['b', keys(450_000, { isEstimate: true })],
      [
        'c',
        keys(100_000, {
          isEstimate: true,
          arrivedFrom: new Map([
            ['a', 60_000],
            ['b', 40_000],
          ]),
        }),
      ],
    ]);
    const { left, leftCount, movedCount } = movingKeys(fleet, counts);
    expect(movedCount).toBe(100_000);
    expect(new Map(left.map(({ from, keyCount }) => [from, keyCount]))).toEqual(
      new Map([
        ['a', Math.round(1_000_000 * fractionOf('a')) - 60_000],
        ['b', Math.round(1_000_000 * fractionOf('b')) - 40_000],
      ]),
    );
    expect(leftCount).toBeGreaterThan(0);
  });

  test('is all zero if no keys move', () => {
    const settled = { snapshot: { ring: after }, previous: undefined } as unknown as Fleet;
    expect(movingKeys(settled, new Map([['a', keys(3)]]))).toEqual({
      left: [],
      leftCount: 0,
      movedCount: 0,
      isEstimate: false,
    });
  });
});
