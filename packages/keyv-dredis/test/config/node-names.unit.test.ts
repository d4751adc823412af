import { describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { DRedisStore, type DRedisStoreOptions, type Location } from '../../src/index.js';
import { onCleanUp } from '../support/clean-up.js';

/** The name of the node at a location. */
function nameOf(location: Location, options?: DRedisStoreOptions): string {
  const store = new DRedisStore([location], options);
  onCleanUp(() => store.disconnect());
  return store.nodes[0] as string;
}

// Regression: processes whose lists spelled a server differently had different names for it, so they placed
// its keys on different servers.
describe('all spellings of a node have the same name:', () => {
  test.each<[name: string, spellings: Location[]]>([
    [
      'cache-1:6379',
      [
        ...['cache-1', 'cache-1:6379', 'cache-1:06379', 'CACHE-1', 'cache-1.', 'Cache-1.:6379', ' cache-1 '],
        ...['redis://cache-1', 'redis://cache-1/', 'redis://cache-1/0', 'redis://cache-1:6379/00'],
        ...['REDIS://u:p@CACHE-1.:6379/0', 'rediss://cache-1', 'valkey://cache-1', 'valkeys://cache-1/0'],
        ...['redis://cache-1?family=4', 'redis://cache-1/0?family=6'],
        ...[{ host: 'cache-1' }, { host: 'Cache-1.', port: 6379 }, { host: 'cache-1', database: 0 }],
        ...[{ url: 'redis://CACHE-1./0' }, { url: 'redis://cache-1/2', database: 0 }],
        createClient({ socket: { host: 'Cache-1.' } }),
        createClient({ url: 'redis://cache-1:6379/0' }),
        () => createClient({ socket: { host: 'cache-1', port: 6379 }, database: 0 }),
      ],
    ],
    [
      'cache-1:6380/2',
      [
        ...['redis://cache-1:6380/2', 'redis://CACHE-1.:06380/02'],
        { host: 'cache-1', port: 6380, database: 2 },
        createClient({ url: 'redis://cache-1:6380/2' }),
      ],
    ],
    [
      '[::1]:6379',
      [
        ...['[::1]', '[0:0:0:0:0:0:0:1]:6379', 'redis://[::0:1]', 'redis://[0000::0001]:6379/0'],
        ...[{ host: '::1' }, { host: '[0::1]' }],
        createClient({ socket: { host: '0:0:0:0:0:0:0:1' } }),
      ],
    ],
    ['10.0.0.1:6379', ['10.0.0.1', '10.0.0.1.', '[::ffff:10.0.0.1]', '[::FFFF:a00:1]:6379']],
    ['[fe80::1%eth0]:1', ['[fe80::1%eth0]:1', '[FE80:0::1%eth0]:1', 'redis://[fe80::1%25eth0]:1']],
    ['localhost:6379', [{}, 'LocalHost.', 'redis://', createClient()]],
    [
      'unix:/run/redis.sock',
      [
        ...['unix:/run/redis.sock', 'unix:///run/redis.sock', 'UNIX:/run//redis.sock'],
        ...['unix:/run/./redis.sock', 'unix:/run/x/../redis.sock'],
        ...[{ path: '/run/redis.sock' }, { path: '//run/redis.sock', database: 0 }],
        createClient({ socket: { path: '/run//redis.sock', tls: false } }),
      ],
    ],
  ])('%s', (name, spellings) => {
    expect(spellings.map((location) => nameOf(location))).toEqual(spellings.map(() => name));
  });
});

test("a store's database is not part of the name, and a location's database is, unless it is 0", () => {
  expect(nameOf('h', { database: 2 })).toBe('h:6379');
  expect(nameOf('redis://h/2', { database: 2 })).toBe('h:6379/2');
  expect(nameOf('redis://h/0', { database: 2 })).toBe('h:6379');
});

test('two spellings of one node in one list are refused', () => {
  expect(() => new DRedisStore(['h', 'redis://H.:6379/0'])).toThrow('locations has two nodes named "h:6379"');
});

describe('a name of its own', () => {
  test.each(['a', 'cache 1', 'pool (RESP 2)', 'Zürich-1', 'redis://h:1', '10.0.0.1:6379', 'x'.repeat(255)])(
    'may be %j',
    (name) => {
      expect(nameOf({ host: 'h', name })).toBe(name);
    },
  );

  test.each([
    ...['', ' a', 'a\n', 'a\u0000b', 'a\tb', '\ud800', 'x'.repeat(256)],
    ...['undefined', 'cache-undefined', 'null'],
    ...['u:p@h', 'redis://:p@h', 'a@b', 'h:6380,password=p', 'token =x'],
  ])('is refused: %j', (name) => {
    expect(() => new DRedisStore([{ host: 'h', name }])).toThrow(
      'locations[0].name must be a string of 1 to 255 characters without credentials, "@", control characters ' +
        'and spaces at its ends, got a value of type string',
    );
  });
});

// Regression: the host of a caller's client was not checked, and became the node's name.
test.each([
  { socket: { host: 'pw@h' } },
  { socket: { host: 'h,password=pw' } },
  { socket: { host: 'undefined' } },
  { socket: { host: 'h', port: Number.NaN } },
])('a client with the options %j is refused', (options) => {
  expect(() => new DRedisStore([createClient(options)])).toThrow(
    /^locations\[0\] is a client with a host that/,
  );
});
