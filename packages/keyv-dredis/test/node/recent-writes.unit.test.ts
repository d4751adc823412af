import { describe, expect, test } from '@jest/globals';
import { RecentWrites } from '../../src/node/recent-writes.js';

describe('recent writes', () => {
  test('hold each key once, and the last write', () => {
    const writes = new RecentWrites();
    expect([writes.isEmpty, writes.last]).toEqual([true, undefined]);
    writes.add('a', '1', undefined);
    writes.add('b', '2', undefined);
    writes.add('a', undefined, undefined);
    expect(writes.keys).toEqual(['a', 'b']);
    expect(writes.last).toEqual({ key: 'a', value: undefined, expiresAt: undefined });
    expect([writes.isEmpty, writes.isOverLimit]).toEqual([false, false]);
  });

  test('hold no long value', () => {
    const writes = new RecentWrites();
    writes.add('a', '1', undefined);
    writes.add('b', 'x'.repeat(65_537), undefined);
    expect([writes.keys, writes.last]).toEqual([['a', 'b'], undefined]);
  });

  test('do not know their keys above 10,000, or if there was an unknown write', () => {
    const many = new RecentWrites();
    for (let number = 0; number < 10_000; number += 1) many.add(`key-${number}`, '', undefined);
    expect(many.isOverLimit).toBe(false);
    many.add('one more', '', undefined);
    expect([many.isOverLimit, many.isEmpty, many.keys]).toEqual([true, false, []]);
    const unknown = new RecentWrites();
    unknown.addUnknown();
    expect([unknown.isOverLimit, unknown.isEmpty]).toEqual([true, false]);
  });

  test('take up earlier writes, but keep their own last write', () => {
    const [earlier, later] = [new RecentWrites(), new RecentWrites()];
    earlier.add('a', '1', undefined);
    later.addEarlier(earlier);
    expect([later.keys, later.last?.key]).toEqual([['a'], 'a']);
    later.add('b', '2', undefined);
    later.addEarlier(earlier);
    expect([later.keys, later.last?.key]).toEqual([['a', 'b'], 'b']);
    earlier.addUnknown();
    later.addEarlier(earlier);
    expect(later.isOverLimit).toBe(true);
  });
});
