import { describe, expect, test } from '@jest/globals';
import { PrefixSet } from '../../src/format/prefix-set.js';

describe('a set of prefixes', () => {
  test.each<[string[], string, string | undefined]>([
    [['a:', 'bc:'], 'a:key', 'a:'],
    [['a:', 'bc:'], 'bc:key:more', 'bc:'],
    [['a:', 'bc:'], 'b:key', undefined],
    [['a:'], 'a', undefined],
    [['a::'], 'a::key', 'a::'],
    [['a:'], '%dredis:copy:a:key', undefined],
    [['%dredis:moving:a:'], '%dredis:moving:a:key', '%dredis:moving:a:'],
    [[''], 'any', ''],
    [[''], '%dredis:copy:any', undefined],
    [['', '%dredis:'], '%dredis:run', undefined],
    [[], 'a:key', undefined],
  ])('%j finds the prefix of %j: %j', (prefixes, key, prefix) => {
    expect(new PrefixSet(prefixes).prefixOf(key)).toBe(prefix);
  });

  test('finds no prefix that was deleted, and still finds others of the same length', () => {
    const set = new PrefixSet(['a:', 'b:', 'b:']);
    set.delete('a:');
    set.delete('none:');
    expect([set.prefixOf('a:key'), set.prefixOf('b:key'), set.size, [...set]]).toEqual([
      undefined,
      'b:',
      1,
      ['b:'],
    ]);
    set.delete('b:');
    expect(set.prefixOf('b:key')).toBeUndefined();
  });

  test.each<[string[], string]>([
    [[], ''],
    [['tenant-1:'], 'tenant-1:'],
    [['tenant-1:', 'tenant-2:', 'tenant-10:'], 'tenant-'],
    [['a:', 'b:'], ''],
    [['a:', ''], ''],
  ])('%j has the common prefix %j', (prefixes, common) => {
    expect(new PrefixSet(prefixes).common).toBe(common);
  });
});
