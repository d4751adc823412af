import { expect, test } from '@jest/globals';
import { HashRing, type HashRingOptions, type RingNode } from '../src/index.js';

const FOUR = ['10.0.0.1:6379', '10.0.0.2:6379', '10.0.0.3:6379', '10.0.0.4:6379'];

/** If a fingerprint changes, keys have moved to other nodes. Such a change needs a major version. */
test.each<[string, Iterable<string | RingNode>, HashRingOptions]>([
  ['1edcdfc5c8cf3eb2b696b84136a600b0', [], {}],
  ['ab73b1a336e0cc083a52969f08be9839', FOUR, {}],
  ['ee4c65cdd607edc48a217a251ab724b0', FOUR, { placement: 'ketama' }],
  [
    '9f2ab192c8cdb7f28f81bc24154b8e66',
    [{ name: 'a', weight: 0.5, zone: 'x' }, 'b'],
    { pointsPerNode: 8, hashTag: '{}' },
  ],
  ['7db4e5063427ce9749a6e946cc897807', ['a:11211'], { omitMemcachedPort: true, hash: (key) => key.length }],
])('the fingerprint %s never changes', (expected, some, options) => {
  const ring = new HashRing(some, options);
  expect(ring.fingerprint()).toBe(expected);
  expect(new HashRing(Array.from(some).reverse(), options).fingerprint()).toBe(expected);
});

test('rings that may disagree on owners have different fingerprints', () => {
  const ring = new HashRing(FOUR);
  const others = [
    new HashRing(FOUR.slice(1)),
    new HashRing(FOUR.with(0, 'other')),
    new HashRing([{ name: FOUR[0] as string, weight: 2 }, ...FOUR.slice(1)]),
    new HashRing([{ name: FOUR[0] as string, weight: 1.001 }, ...FOUR.slice(1)]),
    new HashRing([{ name: FOUR[0] as string, zone: 'x' }, ...FOUR.slice(1)]),
    new HashRing(FOUR, { placement: 'ketama' }),
    new HashRing(FOUR, { pointsPerNode: 164 }),
    new HashRing(FOUR, { hashTag: '{}' }),
    new HashRing(FOUR, { hashTag: '[]' }),
    new HashRing(FOUR, { omitMemcachedPort: true }),
    new HashRing(FOUR, { hash: (key) => key.length }),
    new HashRing(FOUR, { hash: (key) => key.length + 1 }),
  ];
  const prints = [ring, ...others].map((each) => each.fingerprint());
  expect(new Set(prints).size).toBe(prints.length);
  expect(ring.clone().add('x').fingerprint()).not.toBe(ring.fingerprint());
});
