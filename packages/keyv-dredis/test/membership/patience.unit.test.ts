import { expect, test } from '@jest/globals';
import { Patience } from '../../src/membership/patience.js';

test('the patience with a node doubles with each objection, up to a minute, and begins again after a quiet time', () => {
  let now = 0;
  const patience = new Patience({ now: () => now });
  const lengths: number[] = [];
  for (let round = 0; round < 7; round += 1) {
    patience.objected('a');
    lengths.push(patience.leftMs as number);
    expect(patience.has('a')).toBe(true);
    expect(patience.has('b')).toBe(false);
    now += patience.leftMs as number;
    expect(patience.has('a')).toBe(false);
  }
  expect(lengths).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  expect(patience.names).toEqual([]);
  now += 121_000;
  patience.objected('a');
  expect(patience.leftMs).toBe(2_000);
});
