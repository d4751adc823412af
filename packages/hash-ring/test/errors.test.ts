import { expect, test } from '@jest/globals';
import { HashRing, HashRingError, type HashRingOptions, type RingNode } from '../src/index.js';

/** What a program without types may pass. */
const wrong = <T>(value: unknown): T => value as T;

function refusal(call: () => unknown): [string, string] {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(HashRingError);
    const { name, code, message } = error as HashRingError;
    expect(name).toBe('HashRingError');
    return [code, message];
  }
  throw new Error('nothing was refused');
}

const NAME = 'the name of a node must be text, not empty and without lone surrogates, got';
const WEIGHT = 'the weight of a must be a positive finite number, got';

test.each<[unknown[], string, string]>([
  [['a', 'a'], 'DUPLICATE_NODE', 'a name must be other than a, which is taken, got string a'],
  [[''], 'INVALID_NODE', `${NAME} string `],
  [['\ud800'], 'INVALID_NODE', `${NAME} string \ud800`],
  [[7], 'INVALID_NODE', `${NAME} undefined undefined`],
  [[null], 'INVALID_NODE', `${NAME} undefined undefined`],
  [[{ name: ['a'] }], 'INVALID_NODE', `${NAME} object a`],
  [[{ name: 'a', weight: 0 }], 'INVALID_NODE', `${WEIGHT} number 0`],
  [[{ name: 'a', weight: -1 }], 'INVALID_NODE', `${WEIGHT} number -1`],
  [[{ name: 'a', weight: Number.NaN }], 'INVALID_NODE', `${WEIGHT} number NaN`],
  [[{ name: 'a', weight: Number.POSITIVE_INFINITY }], 'INVALID_NODE', `${WEIGHT} number Infinity`],
  [[{ name: 'a', weight: '2' }], 'INVALID_NODE', `${WEIGHT} string 2`],
  [[{ name: 'a', zone: 1 }], 'INVALID_NODE', 'the zone of a must be text, got number 1'],
  [
    [{ name: 'a', weight: 1e9 }],
    'INVALID_NODE',
    'the points of all weights must be 1 to 134217728, got number 160000000000',
  ],
])('nodes %j are refused', (nodes, code, message) => {
  expect(refusal(() => new HashRing(wrong<RingNode[]>(nodes)))).toEqual([code, message]);
  expect(refusal(() => new HashRing().update(wrong<RingNode[]>(nodes)))).toEqual([code, message]);
});

test('nodes that differ in name but stand on the same points are refused', () => {
  expect(refusal(() => new HashRing(['a', 'a:11211'], { omitMemcachedPort: true }))).toEqual([
    'DUPLICATE_NODE',
    'a name must be other than a, which is taken, got string a:11211',
  ]);
});

test('a ketama ring with too few points for any of its nodes is refused, not left without owners', () => {
  const many = Array.from({ length: 41 }, (_, i) => `n${i}`);
  expect(refusal(() => new HashRing(many, { placement: 'ketama', pointsPerNode: 4 }))).toEqual([
    'INVALID_NODE',
    'the points of all weights must be 1 to 134217728, got number 0',
  ]);
});

test.each<[unknown, string]>([
  [{ pointsPerNode: 6 }, 'pointsPerNode must be a positive multiple of 4, got number 6'],
  [{ pointsPerNode: 0 }, 'pointsPerNode must be a positive multiple of 4, got number 0'],
  [{ pointsPerNode: -4 }, 'pointsPerNode must be a positive multiple of 4, got number -4'],
  [{ pointsPerNode: '160' }, 'pointsPerNode must be a positive multiple of 4, got string 160'],
  [{ placement: 'jump' }, 'placement must be "independent" or "ketama", got string jump'],
  [{ hashTag: '{' }, 'hashTag must be two ASCII characters, or none, got string {'],
  [{ hashTag: '«»' }, 'hashTag must be two ASCII characters, or none, got string «»'],
  [{ hashTag: 1 }, 'hashTag must be two ASCII characters, or none, got number 1'],
  [{ hash: 'sha1' }, 'hash must be "md5" or a function, got string sha1'],
  [{ omitMemcachedPort: 1 }, 'omitMemcachedPort must be true or false, got number 1'],
  [
    { pointPerNode: 160 },
    'an option must be placement or pointsPerNode or hashTag or hash or omitMemcachedPort, got string pointPerNode',
  ],
])('options %j are refused', (options, message) => {
  expect(refusal(() => new HashRing(['a'], wrong<HashRingOptions>(options)))).toEqual([
    'INVALID_OPTION',
    message,
  ]);
});

test('an option that is undefined counts as left out', () => {
  expect(new HashRing(['a'], wrong<HashRingOptions>({ placement: undefined })).get('key')).toBe('a');
});

test.each([Number.NaN, 0.5, 2 ** 32, -(2 ** 31) - 1, undefined, '7'])(
  'a hash that returns %p is refused',
  (value) => {
    const ring = new HashRing(['a'], { hash: () => wrong<number>(value) });
    expect(refusal(() => ring.get('key'))).toEqual([
      'INVALID_KEY',
      `what hash returns must be a uint32, got ${typeof value} ${value}`,
    ]);
  },
);

test('a key that is neither text nor bytes is refused', () => {
  const ring = new HashRing(['a']);
  expect(refusal(() => ring.get(wrong<string>(7)))).toEqual([
    'INVALID_KEY',
    'a key must be text or a Uint8Array, got number 7',
  ]);
  for (const key of [undefined, null, {}, Uint16Array.of(1), new DataView(new ArrayBuffer(1))]) {
    expect(refusal(() => ring.get(wrong<string>(key)))[0]).toBe('INVALID_KEY');
    expect(refusal(() => ring.getMany(['a', wrong<string>(key)]))[0]).toBe('INVALID_KEY');
  }
});

test('a count of replicas is an integer from 0 up', () => {
  const ring = new HashRing(['a']);
  expect(refusal(() => ring.replicas('key', 1.5))).toEqual([
    'INVALID_OPTION',
    'count must be an integer from 0 up, got number 1.5',
  ]);
  expect(refusal(() => ring.replicas('key', -1))[0]).toBe('INVALID_OPTION');
});

test('a point is a uint32', () => {
  const ring = new HashRing(['a']);
  expect(refusal(() => ring.owners(-1))).toEqual(['INVALID_OPTION', 'point must be a uint32, got number -1']);
});

test('a ring from JSON needs the hash function of the first one', () => {
  const json = new HashRing(['a'], { hash: () => 1 }).toJSON();
  expect(refusal(() => HashRing.fromJSON(json))).toEqual([
    'INVALID_OPTION',
    'hash must be "md5" or a function, got string custom',
  ]);
});
