import { describe, expect, test } from '@jest/globals';
import { bytes, duration, printable } from '../../src/cli/numbers.js';
import { storesIn } from '../../src/membership/connected-stores.js';
import { scannedFraction } from '../../src/sharding/scan-progress.js';

const client = (address: string, rest: string) =>
  `id=7 addr=${address} laddr=10.0.0.1:6379 fd=8 flags=N db=0 ${rest}\n`;

describe('storesIn()', () => {
  test('finds the connections of stores, but not those of other programs and of the command line', () => {
    const list =
      client('10.0.0.2:1', 'name= age=1 lib-name=node-redis(keyv-dredis) lib-ver=6.3.1') +
      client('10.0.0.2:2', 'name=web age=1 lib-name=node-redis(keyv-dredis) lib-ver=6.3.1') +
      client('10.0.0.2:3', 'name=keyv-dredis age=1 lib-name=node-redis lib-ver=6.3.1') +
      client('10.0.0.2:4', 'name= age=1 lib-name= lib-ver=') +
      client('10.0.0.2:5', 'name= age=1 lib-name=node-redis(keyv-dredis-cli) lib-ver=6.3.1');
    expect(storesIn(list, 0)).toEqual([
      { address: '10.0.0.2:1', name: '', isTracking: false },
      { address: '10.0.0.2:2', name: 'web', isTracking: false },
    ]);
  });

  test('finds stores by the name of their connections, as the library is missing before Redis 7.2', () => {
    const list =
      client('10.0.0.2:1', 'name=keyv-dredis_0123456789ab age=1') +
      client('10.0.0.2:2', 'name=web age=1') +
      client('10.0.0.2:3', 'name= age=1');
    expect(storesIn(list, 0)).toEqual([
      { address: '10.0.0.2:1', name: 'keyv-dredis_0123456789ab', isTracking: false },
    ]);
  });

  test('tells which stores track the topology, and leaves out other databases', () => {
    const name = 'keyv-dredis_0123456789ab';
    const list =
      `id=7 addr=10.0.0.2:1 name=${name} flags=t db=2\n` + `id=8 addr=10.0.0.2:2 name=${name} flags=t db=0\n`;
    expect(storesIn(list, 2)).toEqual([{ address: '10.0.0.2:1', name, isTracking: true }]);
  });
});

describe('scannedFraction()', () => {
  test.each([
    ['0', 1],
    ['1', 0.5],
    ['2', 0.25],
    ['3', 0.75],
    ['7', 0.875],
    ['9223372036854775807', 1],
  ])('of the cursor %s is %d', (cursor, fraction) => {
    expect(scannedFraction(cursor)).toBe(fraction);
  });
});

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [1_234_567, '1.2 MB'],
  [5e15, '5000.0 TB'],
])('bytes(%d) is %s', (value, text) => {
  expect(bytes(value)).toBe(text);
});

test.each([
  [59_900, '59.9 s'],
  [61_000, '1 min 1 s'],
  [3_660_000, '1 h 1 min'],
  [200_000_000, '2 d 7 h'],
])('duration(%d) is %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test('printable() escapes characters that could control a terminal, and keeps all others', () => {
  expect(printable('a\x1b[2J\x9b\n€')).toBe('a\\u001b[2J\\u009b\\u000a€');
});
