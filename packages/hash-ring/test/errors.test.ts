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

test.each<[unknown[], string, string]>([
  [['a', 'a'], 'DUPLICATE_NODE', 'nodes must stand on different points, got "a" twice'],
  [
    [''],
    'INVALID_NODE',
    `a node's name must be a string that is not empty and has no lone surrogate, got ""`,
  ],
  [
    ['\ud800'],
    'INVALID_NODE',
    `a node's name must be a string that is not empty and has no lone surrogate, got "\\ud800"`,
  ],
  [
    [7],
    'INVALID_NODE',
    `a node's name must be a string that is not empty and has no lone surrogate, got undefined`,
  ],
  [
    [null],
    'INVALID_NODE',
    `a node's name must be a string that is not empty and has no lone surrogate, got undefined`,
  ],
  [
    [{ name: ['a'] }],
    'INVALID_NODE',
    `a node's name must be a string that is not empty and has no lone surrogate, got an array`,
  ],
  [[{ name: 'a', weight: 0 }], 'INVALID_NODE', 'weight of node "a" must be a positive finite number, got 0'],
  [
    [{ name: 'a', weight: -1 }],
    'INVALID_NODE',
    'weight of node "a" must be a positive finite number, got -1',
  ],
  [
    [{ name: 'a', weight: Number.NaN }],
    'INVALID_NODE',
    'weight of node "a" must be a positive finite number, got NaN',
  ],
  [
    [{ name: 'a', weight: Number.POSITIVE_INFINITY }],
    'INVALID_NODE',
    'weight of node "a" must be a positive finite number, got Infinity',
  ],
  [
    [{ name: 'a', weight: '2' }],
    'INVALID_NODE',
    'weight of node "a" must be a positive finite number, got "2"',
  ],
])('nodes %j are refused', (nodes, code, message) => {
  expect(refusal(() => new HashRing(wrong<RingNode[]>(nodes)))).toEqual([code, message]);
  expect(refusal(() => new HashRing().update(wrong<RingNode[]>(nodes)))).toEqual([code, message]);
});

test.each<[unknown, string]>([
  [{ pointsPerNode: 6 }, 'pointsPerNode must be a positive multiple of 4, got 6'],
  [{ pointsPerNode: 0 }, 'pointsPerNode must be a positive multiple of 4, got 0'],
  [{ pointsPerNode: '160' }, 'pointsPerNode must be a positive multiple of 4, got "160"'],
  [
    { pointPerNode: 160 },
    'options must be made of placement, pointsPerNode, hashTag, hash, omitMemcachedPort, got "pointPerNode"',
  ],
])('options %j are refused', (options, message) => {
  expect(refusal(() => new HashRing(['a'], wrong<HashRingOptions>(options)))).toEqual([
    'INVALID_OPTION',
    message,
  ]);
});

test('a key that is neither text nor bytes is refused', () => {
  const ring = new HashRing(['a']);
  expect(refusal(() => ring.get(wrong<string>(7)))).toEqual([
    'INVALID_KEY',
    'a key must be a string or a Uint8Array, got 7',
  ]);
  expect(refusal(() => ring.get(wrong<string>(Uint16Array.of(1))))[0]).toBe('INVALID_KEY');
});

test('a count of replicas is an integer from 0 up', () => {
  const ring = new HashRing(['a']);
  expect(refusal(() => ring.replicas('key', 1.5))).toEqual([
    'INVALID_OPTION',
    'count must be an integer from 0 up, got 1.5',
  ]);
  expect(refusal(() => ring.replicas('key', -1))[0]).toBe('INVALID_OPTION');
});
