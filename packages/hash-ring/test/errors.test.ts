import { expect, test } from '@jest/globals';
import { HashRing, HashRingError, type HashRingOptions, type RingNode } from '../src/index.js';

/** Passes a value that the compiler would reject. */
const wrong = <T>(value: unknown): T => value as T;

function errorOf(call: () => unknown): [string, string] {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(HashRingError);
    const { name, code, message } = error as HashRingError;
    expect(name).toBe('HashRingError');
    return [code, message];
  }
  throw new Error('the call did not throw');
}

const NAME = 'the name of a node must be non-empty text without lone surrogates, got';
const WEIGHT = 'the weight of a must be a positive finite number, got';

test.each<[unknown[], string, string]>([
  [['a', 'a'], 'DUPLICATE_NODE', 'the name of a node must be distinct from a, got string a'],
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
    'the number of points must be 1 to 134217728, got number 160000000000',
  ],
])('the constructor and update throw for the nodes %j', (nodes, code, message) => {
  expect(errorOf(() => new HashRing(wrong<RingNode[]>(nodes)))).toEqual([code, message]);
  expect(errorOf(() => new HashRing().update(wrong<RingNode[]>(nodes)))).toEqual([code, message]);
});

test('two nodes with the same points throw DUPLICATE_NODE, even if their names differ', () => {
  expect(errorOf(() => new HashRing(['a', 'a:11211'], { omitMemcachedPort: true }))).toEqual([
    'DUPLICATE_NODE',
    'the name of a node must be distinct from a, got string a:11211',
  ]);
});

test('a ketama ring in which no node would get a point throws INVALID_NODE', () => {
  const many = Array.from({ length: 41 }, (_, i) => `n${i}`);
  expect(errorOf(() => new HashRing(many, { placement: 'ketama', pointsPerNode: 4 }))).toEqual([
    'INVALID_NODE',
    'the number of points must be 1 to 134217728, got number 0',
  ]);
});

test.each<[unknown, string]>([
  [{ pointsPerNode: 6 }, 'pointsPerNode must be a positive multiple of 4, got number 6'],
  [{ pointsPerNode: 0 }, 'pointsPerNode must be a positive multiple of 4, got number 0'],
  [{ pointsPerNode: -4 }, 'pointsPerNode must be a positive multiple of 4, got number -4'],
  [{ pointsPerNode: '160' }, 'pointsPerNode must be a positive multiple of 4, got string 160'],
  [{ placement: 'jump' }, 'placement must be "independent" or "ketama", got string jump'],
  [{ hashTag: '{' }, 'hashTag must be two ASCII characters or empty, got string {'],
  [{ hashTag: '«»' }, 'hashTag must be two ASCII characters or empty, got string «»'],
  [{ hashTag: 1 }, 'hashTag must be two ASCII characters or empty, got number 1'],
  [{ hash: 'sha1' }, 'hash must be "md5" or a function, got string sha1'],
  [{ omitMemcachedPort: 1 }, 'omitMemcachedPort must be true or false, got number 1'],
  [
    { pointPerNode: 160 },
    'an option must be placement or pointsPerNode or hashTag or hash or omitMemcachedPort, got string pointPerNode',
  ],
])('the constructor throws for the options %j', (options, message) => {
  expect(errorOf(() => new HashRing(['a'], wrong<HashRingOptions>(options)))).toEqual([
    'INVALID_OPTION',
    message,
  ]);
});

test('an option that is undefined has its default value', () => {
  expect(new HashRing(['a'], wrong<HashRingOptions>({ placement: undefined })).get('key')).toBe('a');
});

test.each([Number.NaN, 0.5, 2 ** 32, -(2 ** 31) - 1, undefined, '7'])(
  'a hash function that returns %p throws INVALID_KEY',
  (value) => {
    const ring = new HashRing(['a'], { hash: () => wrong<number>(value) });
    expect(errorOf(() => ring.get('key'))).toEqual([
      'INVALID_KEY',
      `the result of hash must be a uint32, got ${typeof value} ${value}`,
    ]);
  },
);

test('a key that is neither a string nor a Uint8Array throws INVALID_KEY', () => {
  const ring = new HashRing(['a']);
  expect(errorOf(() => ring.get(wrong<string>(7)))).toEqual([
    'INVALID_KEY',
    'a key must be text or a Uint8Array, got number 7',
  ]);
  for (const key of [undefined, null, {}, Uint16Array.of(1), new DataView(new ArrayBuffer(1))]) {
    expect(errorOf(() => ring.get(wrong<string>(key)))[0]).toBe('INVALID_KEY');
    expect(errorOf(() => ring.getMany(['a', wrong<string>(key)]))[0]).toBe('INVALID_KEY');
  }
});

test('replicas() throws INVALID_OPTION if the count is not an integer >= 0', () => {
  const ring = new HashRing(['a']);
  expect(errorOf(() => ring.replicas('key', 1.5))).toEqual([
    'INVALID_OPTION',
    'count must be an integer >= 0, got number 1.5',
  ]);
  expect(errorOf(() => ring.replicas('key', -1))[0]).toBe('INVALID_OPTION');
});

test('owners() throws INVALID_OPTION if the hash is not a uint32', () => {
  const ring = new HashRing(['a']);
  expect(errorOf(() => ring.owners(-1))).toEqual(['INVALID_OPTION', 'point must be a uint32, got number -1']);
});

test('fromJSON() throws if the original ring had a hash function and none is passed', () => {
  const json = new HashRing(['a'], { hash: () => 1 }).toJSON();
  expect(errorOf(() => HashRing.fromJSON(json))).toEqual([
    'INVALID_OPTION',
    'hash must be "md5" or a function, got string custom',
  ]);
});
