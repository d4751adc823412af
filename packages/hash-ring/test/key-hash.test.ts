import { expect, test } from '@jest/globals';
import { HashRing } from '../src/index.js';

test.each([
  ['{user1}:a', 'user1'],
  ['x{user1}y', 'user1'],
  ['{a}{b}', 'a'],
  ['{}{b}', '{}{b}'],
  ['{}', '{}'],
  ['{a', '{a'],
  ['a}b{c}', 'c'],
  ['}{', '}{'],
  ['{{a}}', '{a'],
  ['plain', 'plain'],
  ['', ''],
  ['{é}x', 'é'],
])('the hash tag of %s is %s', (key, hashed) => {
  const whole = new HashRing(['a', 'b', 'c']);
  const tagged = new HashRing(['a', 'b', 'c'], { hashTag: '{}' });
  expect(tagged.pointOf(key)).toBe(whole.pointOf(hashed));
  expect(tagged.pointOf(Buffer.from(key))).toBe(whole.pointOf(hashed));
  expect(tagged.getMany([key])).toEqual([whole.get(hashed)]);
  const seen: unknown[] = [];
  const custom = new HashRing(['a'], { hashTag: '{}', hash: (part) => seen.push(part) });
  custom.get(key);
  expect(seen).toEqual([hashed]);
});

test('the same character may open and close a hash tag', () => {
  const ring = new HashRing(['a', 'b'], { hashTag: '$$' });
  expect(ring.pointOf('x$tag$y')).toBe(ring.pointOf('tag'));
});

test('a custom hash function decides which node owns a key, and may return an int32', () => {
  const ring = new HashRing(['a', 'b', 'c'], { hash: (key) => key.length });
  expect(ring.pointOf('12345')).toBe(5);
  const negative = new HashRing(['a', 'b', 'c'], { hash: () => -1 });
  expect(negative.pointOf('key')).toBe(0xffffffff);
  expect(negative.getMany(['x'])).toEqual(negative.owners(0xffffffff, 1));
});
