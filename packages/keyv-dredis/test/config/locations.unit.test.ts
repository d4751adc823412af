import { describe, expect, test } from '@jest/globals';
import type { RedisClientOptions } from 'redis';
import { type Location, type Locations, parseLocations } from '../../src/config/locations.js';
import type { DRedisStoreOptions } from '../../src/config/options.js';
import { resolveOptions } from '../../src/config/validation.js';
import { InvalidOptionError } from '../../src/errors/errors.js';

const parse = (locations: Locations, options?: DRedisStoreOptions) =>
  parseLocations(locations, resolveOptions(options));

/** Parses one location. @returns the options that determine where its client connects */
function target(location: Location, options?: DRedisStoreOptions) {
  const [description] = parse([location], options);
  if (description?.source.kind !== 'options') throw new Error('Expected a client that is made from options');
  const { username, password, database, socket } = description.source.clientOptions;
  const { host, port, path, tls, family } = { ...socket } as Record<string, unknown>;
  const found = { name: description.name, host, port, path, tls, family, username, password, database };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

describe('a location given as a string is parsed:', () => {
  test.each([
    ['cache-1', { name: 'cache-1:6379', host: 'cache-1', port: 6379 }],
    ['cache-1:6380', { name: 'cache-1:6380', host: 'cache-1', port: 6380 }],
    [' 10.0.0.1:6380\n', { name: '10.0.0.1:6380', host: '10.0.0.1', port: 6380 }],
    ['h:1', { name: 'h:1', host: 'h', port: 1 }],
    ['h:65535', { name: 'h:65535', host: 'h', port: 65535 }],
    ['a_b.example.', { name: 'a_b.example:6379', host: 'a_b.example.', port: 6379 }],
    ['[::1]', { name: '[::1]:6379', host: '::1', port: 6379 }],
    ['[::1]:6380', { name: '[::1]:6380', host: '::1', port: 6380 }],
    ['[fe80::1%eth0]:1', { name: '[fe80::1%eth0]:1', host: 'fe80::1%eth0', port: 1 }],
    ['unix:/run/redis.sock', { name: 'unix:/run/redis.sock', path: '/run/redis.sock' }],
    ['unix:///run/redis.sock', { name: 'unix:/run/redis.sock', path: '/run/redis.sock' }],
    ['UNIX:/a b', { name: 'unix:/a b', path: '/a b' }],
    ['redis://h', { name: 'h:6379', host: 'h', port: 6379 }],
    ['redis://h/', { name: 'h:6379', host: 'h', port: 6379 }],
    ['REDIS://h:1', { name: 'h:1', host: 'h', port: 1 }],
    ['redis://', { name: 'localhost:6379', host: 'localhost', port: 6379 }],
    ['redis://h/0', { name: 'h:6379', host: 'h', port: 6379, database: 0 }],
    ['redis://h:6380/15', { name: 'h:6380/15', host: 'h', port: 6380, database: 15 }],
    ['redis://[::1]:6380', { name: '[::1]:6380', host: '::1', port: 6380 }],
    ['rediss://h', { name: 'h:6379', host: 'h', port: 6379, tls: true }],
    ['redis://u:p@h', { name: 'h:6379', host: 'h', port: 6379, username: 'u', password: 'p' }],
    ['redis://:p@h', { name: 'h:6379', host: 'h', port: 6379, password: 'p' }],
    ['redis://u@h', { name: 'h:6379', host: 'h', port: 6379, username: 'u' }],
    [
      'redis://a%40b:%2F%3A%25%2C@h',
      { name: 'h:6379', host: 'h', port: 6379, username: 'a@b', password: '/:%,' },
    ],
    ['redis://:p@ss@h', { name: 'h:6379', host: 'h', port: 6379, password: 'p@ss' }],
    ['redis:///2', { name: 'localhost:6379/2', host: 'localhost', port: 6379, database: 2 }],
    ['redis://[fe80::1%25eth0]:1', { name: '[fe80::1%eth0]:1', host: 'fe80::1%eth0', port: 1 }],
    ['valkey://h', { name: 'h:6379', host: 'h', port: 6379 }],
    ['valkeys://h', { name: 'h:6379', host: 'h', port: 6379, tls: true }],
    ['redis://h?family=0', { name: 'h:6379', host: 'h', port: 6379, family: 0 }],
    ['rediss://h:1/2?family=6', { name: 'h:1/2', host: 'h', port: 1, database: 2, tls: true, family: 6 }],
    ['redis://:ü@h', { name: 'h:6379', host: 'h', port: 6379, password: 'ü' }],
  ])('%j', (entry, expected) => {
    expect(target(entry)).toEqual(expected);
  });
});

describe('a location given as an object is parsed:', () => {
  test.each<[Location, object]>([
    [{}, { name: 'localhost:6379', host: 'localhost', port: 6379 }],
    [{ host: 'h' }, { name: 'h:6379', host: 'h', port: 6379 }],
    [{ port: 6380 }, { name: 'localhost:6380', host: 'localhost', port: 6380 }],
    [{ host: '::1' }, { name: '[::1]:6379', host: '::1', port: 6379 }],
    [{ host: '[::1]' }, { name: '[::1]:6379', host: '::1', port: 6379 }],
    [
      { host: 'h', port: undefined, name: undefined },
      { name: 'h:6379', host: 'h', port: 6379 },
    ],
    [{ path: '/s' }, { name: 'unix:/s', path: '/s' }],
    [
      { path: '/s', database: 2 },
      { name: 'unix:/s/2', path: '/s', database: 2 },
    ],
    [
      { host: 'h', database: 0 },
      { name: 'h:6379', host: 'h', port: 6379, database: 0 },
    ],
    [
      { host: 'h', name: 'first' },
      { name: 'first', host: 'h', port: 6379 },
    ],
    [
      { url: 'rediss://u:p@h:1/2' },
      { name: 'h:1/2', host: 'h', port: 1, tls: true, username: 'u', password: 'p', database: 2 },
    ],
    [
      { url: 'redis://u:p@h/2', password: 'q', database: 3 },
      { name: 'h:6379/3', host: 'h', port: 6379, username: 'u', password: 'q', database: 3 },
    ],
    [
      { host: 'h', tls: true },
      { name: 'h:6379', host: 'h', port: 6379, tls: true },
    ],
    [
      { url: 'rediss://h', tls: false },
      { name: 'h:6379', host: 'h', port: 6379 },
    ],
  ])('%j', (entry, expected) => {
    expect(target(entry)).toEqual(expected);
  });
});

describe('a store option', () => {
  const defaults = { username: 'u', password: 'p', database: 3, tls: true } as const;

  test("applies to a location that does not set it, and does not change the node's name", () => {
    expect(target('h:1', defaults)).toEqual({ name: 'h:1', host: 'h', port: 1, ...defaults });
  });

  test("is overridden by a location's option", () => {
    expect(target({ url: 'redis://v:q@h/4', tls: false }, defaults)).toEqual({
      name: 'h:6379/4',
      host: 'h',
      port: 6379,
      username: 'v',
      password: 'q',
      database: 4,
    });
  });

  test("clientOptions is merged with a location's clientOptions, which take precedence", () => {
    const [description] = parse([{ clientOptions: { socket: { keepAlive: false }, name: 'own' } }], {
      clientOptions: { RESP: 2, name: 'all', socket: { keepAlive: true, noDelay: false } },
      connectTimeoutMs: 123,
    });
    expect(
      (description?.source as { clientOptions: RedisClientOptions } | undefined)?.clientOptions,
    ).toMatchObject({
      RESP: 2,
      name: 'own',
      socket: { keepAlive: false, noDelay: false, connectTimeout: 123 },
    });
  });

  // Regression: a rediss:// URL replaced the store's tls options with `true`, so the server's certificate was
  // not trusted.
  test("tls is passed as node-redis' socket options, also for a rediss:// URL", () => {
    const [description] = parse(['rediss://h'], { tls: { servername: 'all' } });
    const [own] = parse([{ host: 'h', tls: { servername: 'own' } }], { tls: { servername: 'all' } });
    const [plain] = parse([{ url: 'rediss://h', tls: true }], { tls: { servername: 'all' } });
    expect(plain?.source).not.toHaveProperty('clientOptions.socket.servername');
    expect(description?.source).toMatchObject({
      clientOptions: { socket: { tls: true, servername: 'all' } },
    });
    expect(own?.source).toMatchObject({ clientOptions: { socket: { tls: true, servername: 'own' } } });
  });
});

describe('a list of locations', () => {
  test.each<[Locations, string[]]>([
    ['h', ['h:6379']],
    ['a,b:2', ['a:6379', 'b:2']],
    ['a;b:2', ['a:6379', 'b:2']],
    [' a , b:2;\tredis://:p@c/1 ; [::1]:5, unix:/s', ['a:6379', 'b:2', 'c:6379/1', '[::1]:5', 'unix:/s']],
    [
      ['b', 'a', { name: 'z' }],
      ['b:6379', 'a:6379', 'z'],
    ],
    [Object.freeze(['h']), ['h:6379']],
    [
      ['redis://h', 'redis://h/1', 'redis://h/2'],
      ['h:6379', 'h:6379/1', 'h:6379/2'],
    ],
  ])('%j produces the node names %j', (locations, names) => {
    expect(parse(locations).map(({ name }) => name)).toEqual(names);
  });

  test('has a weight for each node, 1 by default', () => {
    const weights = parse([
      'a',
      { host: 'b', weight: 2 },
      { host: 'c', weight: 0.5 },
      { host: 'd', weight: 0 },
    ]).map(({ weight }) => weight);
    expect(weights).toEqual([1, 2, 0.5, 0]);
  });
});

const GRAMMAR =
  'must be host, host:port, [IPv6]:port, a redis:// or rediss:// URL or unix:/path; a host has only letters, ' +
  'digits, ".", "-" and "_"; got something else (not shown, as it may be part of a password)';
const PORT =
  'must have a port from 1 to 65535, got something else (not shown, as it may be part of a password)';
const EMPTY =
  'is empty; write host, host:port, a redis:// URL or unix:/path, and separators only between locations';
const NO_URL = 'has "/", "?" or "#", but is no URL; write redis://host:port/database';
const LIST = 'locations must be a list, or one string with entries separated by ";" or ",", got';
const URL_FORM = (scheme: string) =>
  `is not a URL of the form ${scheme}://user:password@host:port/database; in a user name or password, ` +
  'percent-encode everything but letters and digits (not shown here)';
const FIELDS =
  'database, username, password, tls, clientOptions, url, host, port, path, client, name, weight';

describe('invalid locations throw a message that says what is allowed:', () => {
  test.each<[locations: unknown, message: string]>([
    [[], 'locations must have at least one node, got an empty list'],
    [6379, `${LIST} 6379`],
    [null, `${LIST} null`],
    [{ host: 'h' }, `${LIST} an object; put it in a list, as in [{ url }] or [{ host, port }]`],
    ['', `locations[0] ${EMPTY}`],
    ['a,,b', `locations[1] ${EMPTY}`],
    [['a', '  '], `locations[1] ${EMPTY}`],
    [[5], 'locations[0] must be a string, an object or a node-redis client, got 5'],
    [[null], 'locations[0] must be a string, an object or a node-redis client, got null'],
    [[new URL('redis://h')], 'locations[0] is a URL object; write its text, url.href'],
    [[['h']], 'locations[0] is a list in a list; write all locations in one list'],
    [
      ['a', 'a:6379'],
      'locations has two nodes named "a:6379"; give one of them a name of its own with { name }',
    ],
    [
      ['a', { host: 'b', name: 'a:6379' }],
      'locations has two nodes named "a:6379"; give one of them a name of its own with { name }',
    ],

    ['h:', `locations[0] ${PORT}`],
    ['h:0', `locations[0] ${PORT}`],
    ['h:65536', `locations[0] ${PORT}`],
    ['h:6379x', `locations[0] ${PORT}`],
    ['h:-1', `locations[0] ${PORT}`],
    ['h:1e3', `locations[0] ${PORT}`],
    ['h:1:2', `locations[0] ${PORT}`],
    [':6379', 'locations[0] has a host that is empty (not shown here)'],
    ['::1', 'locations[0] has an IPv6 address without brackets; write [IPv6]:port, as in [::1]:6379'],
    ['[::1', `locations[0] ${GRAMMAR}`],
    [
      '[nonsense]:1',
      'locations[0] has a host that has brackets without an IPv6 address in them, as in [::1]:6379 (not shown here)',
    ],
    ['a b', 'locations[0] has a space or "|" inside; separate locations with "," or ";"'],
    ['h/0', `locations[0] ${NO_URL}`],
    ['h?x', `locations[0] ${NO_URL}`],
    [
      'unix:run/redis.sock',
      'locations[0] must have an absolute path after unix:, as in unix:/run/redis.sock (not shown here)',
    ],
    [
      'unix:',
      'locations[0] must have an absolute path after unix:, as in unix:/run/redis.sock (not shown here)',
    ],
    [
      'u:p@h',
      'locations[0] has credentials but no scheme; write redis://user:password@host:port, with "," and ";" in a user name or password percent-encoded',
    ],

    [
      'http://h',
      'locations[0] has the scheme http://; write the redis:// or rediss:// URL of the server, because the store does not use HTTP',
    ],
    [
      ['http://u:p@h'],
      'locations[0] has the scheme http://; write the redis:// or rediss:// URL of the server, because the store does not use HTTP',
    ],
    [
      'http://u:p@h',
      'locations[0] has the scheme http://; write the redis:// or rediss:// URL of the server, because the store does not use HTTP',
    ],
    [
      '1://h',
      'locations[0] has an unknown scheme (not shown, as it may be part of a password); allowed are redis://, rediss://, valkey://, valkeys:// and unix:/path',
    ],
    ['redis://h:0', `locations[0] ${PORT}`],
    ['redis://h:65536', `locations[0] ${PORT}`],
    ['rediss://h:port', `locations[0] ${PORT}`],
    ['redis://h:', `locations[0] ${PORT}`],
    ['redis://:6379', `locations[0] ${URL_FORM('redis')}`],
    ['redis://u:1/x@h', `locations[0] ${URL_FORM('redis')}`],
    ['redis://u:1?x@h', `locations[0] ${URL_FORM('redis')}`],
    ['redis://u:1#x@h', `locations[0] ${URL_FORM('redis')}`],
    ['redis://:a\tb@h', `locations[0] ${URL_FORM('redis')}`],
    ['redis://:\ud800@h', `locations[0] ${URL_FORM('redis')}`],
    ['rediss://:p@', `locations[0] ${URL_FORM('rediss')}`],
    [
      'redis://h?database=1',
      'locations[0] has the query parameter "database", which is not allowed; allowed is family; write the database after the host, as in redis://host:port/2',
    ],
    [
      'redis://h#1',
      'locations[0] has "#", which has no meaning; in a password, percent-encode it (not shown here)',
    ],
    [
      'redis://h/one',
      'locations[0] must have a database number and nothing else after the host (not shown here)',
    ],
    [
      'redis://h/0/1',
      'locations[0] must have a database number and nothing else after the host (not shown here)',
    ],
    [
      'redis://:%zz@h',
      'locations[0] has a user name or password that is not percent-encoded (not shown here)',
    ],

    [[{ hots: 'h' }], `locations[0] has no option "hots"; allowed are ${FIELDS}`],
    [[{ namespace: 'n' }], `locations[0] has no option "namespace"; allowed are ${FIELDS}`],
    [
      [{ host: 'h:6379' }],
      'locations[0].host has characters other than letters, digits, ".", "-" and "_"; write a host name or an IP address, without a scheme or a port (not shown here)',
    ],
    [
      [{ host: '' }],
      'locations[0].host is empty; write a host name or an IP address, without a scheme or a port (not shown here)',
    ],
    [[{ port: 0 }], 'locations[0].port must be a whole number from 1 to 65535, got 0'],
    [[{ port: '6379' }], 'locations[0] must have a port that is a number, got a string; write Number(port)'],
    [[{ port: 65536 }], 'locations[0].port must be a whole number from 1 to 65535, got 65536'],
    [
      [{ path: '' }],
      'locations[0].path must be an absolute path of at most 107 characters, such as /run/redis.sock, got a value of type string',
    ],
    [
      [{ url: 5 }],
      'locations[0].url must be a non-empty string of well-formed Unicode, got a value of type number',
    ],
    [[{ url: 'h:6379' }], 'locations[0] must be a URL that begins with redis:// or rediss://'],
    [
      [{ name: '' }],
      'locations[0].name must be a string of 1 to 255 characters without credentials, "@", control characters and spaces at its ends, got a value of type string',
    ],
    [
      [{ name: 'redis://u:p@h' }],
      'locations[0].name must be a string of 1 to 255 characters without credentials, "@", control characters and spaces at its ends, got a value of type string',
    ],
    [[{ weight: 0 }], 'locations must have at least one node with a weight above 0'],
    [[{ weight: -1 }], 'locations[0].weight must be a number from 0 to 1000, got -1'],
    [[{ weight: Infinity }], 'locations[0].weight must be a number from 0 to 1000, got Infinity'],
    [[{ weight: '1' }], 'locations[0].weight must be a number from 0 to 1000, got "1"'],
    [[{ database: -1 }], 'locations[0].database must be a whole number, 0 or more, got -1'],
    [
      [{ client: {} }],
      'locations[0].client must be a node-redis client, pool or sentinel, or a function that makes one, got a value of type object',
    ],
    [
      [{ clientOptions: { keyPrefix: 'p' } }],
      'locations[0].clientOptions.keyPrefix is not allowed: set the option namespace',
    ],
    [
      [{ url: 'redis://h', host: 'h' }],
      'locations[0] must have exactly one of url, host and port, path, client, got url and host',
    ],
    [
      [{ path: '/s', port: 1 }],
      'locations[0] must have exactly one of url, host and port, path, client, got port and path',
    ],
    [
      [() => 5],
      'locations[0] is a function that must return a node-redis client, got a value of type number',
    ],
    [[() => undefined], 'locations[0] is a function that must return a node-redis client, got undefined'],
  ])('%p', (locations, message) => {
    const error = thrownBy(() => parse(locations as Locations));
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error.message).toBe(message);
    expect(error).toMatchObject({ code: 'DREDIS_INVALID_OPTION' });
  });

  test('the message names the index of the invalid location', () => {
    expect(thrownBy(() => parse(['a', 'b', 'c:x'])).message).toBe(`locations[2] ${PORT}`);
  });
});

function thrownBy(action: () => unknown): Error {
  try {
    action();
  } catch (error) {
    return error as Error;
  }
  throw new Error('Expected an error');
}
