import { describe, expect, test } from '@jest/globals';
import { createClient, createCluster } from 'redis';
import { DRedisStore, InvalidOptionError, type Locations } from '../../src/index.js';

const SECRET = 'S3cr3tS3cr3tS3cr3t=';

function messageOf(locations: unknown): string {
  try {
    const store = new DRedisStore(locations as Locations);
    return `accepted as ${store.nodes.join()}`;
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidOptionError);
    return (error as Error).message;
  }
}

const AZURE = (where: string, url: string) =>
  `${where} has settings such as password=, as in a connection string of Azure or StackExchange.Redis; write ` +
  `${url}, with the password percent-encoded (not shown here)`;

// Regression: the first of these became four nodes, and one of them was named after the password.
describe('a connection string of Azure is refused, and the message says what to write:', () => {
  const host = 'mycache.redis.cache.windows.net:6380';
  test.each<[unknown, string]>([
    [
      `${host},password=${SECRET},ssl=True,abortConnect=False`,
      AZURE('locations', `rediss://:<password>@${host}`),
    ],
    [
      `my.westeurope.redis.azure.net:10000,password=${SECRET},ssl=True`,
      AZURE('locations', 'rediss://:<password>@my.westeurope.redis.azure.net:10000'),
    ],
    [
      `${host}, user=me, password = ${SECRET}, ssl=true`,
      AZURE('locations', `rediss://<user>:<password>@${host}`),
    ],
    [
      `${host},other.redis.cache.windows.net:6380,password=${SECRET},ssl=True`,
      AZURE('locations', `rediss://:<password>@${host} for each server`),
    ],
    [`10.0.0.1:6379,password=${SECRET}`, AZURE('locations', 'redis://:<password>@<host>:<port>')],
    [`password=${SECRET},${host}`, AZURE('locations', 'redis://:<password>@<host>:<port>')],
    [[`${host},password=${SECRET},ssl=True`], AZURE('locations[0]', `rediss://:<password>@${host}`)],
    [
      `${host},password=${SECRET},ssl=True`.split(','),
      AZURE('locations[1]', 'redis://:<password>@<host>:<port>'),
    ],
    [[{ url: `${host},password=${SECRET},ssl=True` }], AZURE('locations[0]', `rediss://:<password>@${host}`)],
  ])('%j', (locations, message) => {
    expect(messageOf(locations)).toBe(message);
  });

  test('with a host that might be something else, which is not shown', () => {
    expect(messageOf(`${SECRET.slice(0, -1)}:6380,password=x`)).not.toContain('S3cr3t');
  });
});

const SETTINGS =
  'has settings of the form name=value; pass an object with options in a list, as in [{ host, port, weight }]';
const QUOTES =
  'has quotes or is JSON; write the locations without quotes, as in a:6379,b:6379, or pass a list';
const SEPARATOR = 'has a space or "|" inside; separate locations with "," or ";"';
const PLACEHOLDER = 'has a placeholder such as $HOST that was not replaced';
const ONE_ENTRY = 'has several locations in one entry of a list; give each of them an entry of its own';
const UNSET = 'contains a word such as "undefined"; an environment variable is probably not set';
const XN =
  'has control characters or characters other than ASCII; write an international host name in its xn-- form';
const NO_SCHEME =
  'has credentials but no scheme; write redis://user:password@host:port, with "," and ";" in a user name or ' +
  'password percent-encoded';
const SENTINEL = 'pass a client in a list: [{ name, client: createSentinel(...) }]';

describe('a text that is no location is refused, and the message says what to write:', () => {
  test.each<[unknown, string]>([
    ['host=10.0.0.1,port=6379', `locations[0] ${SETTINGS}`],
    ['10.0.0.1:6379,weight=2', `locations[1] ${SETTINGS}`],
    ['a:6379 b:6379', `locations[0] ${SEPARATOR}`],
    ['a:6379\nb:6379', `locations[0] ${SEPARATOR}`],
    ['a:6379|b:6379', `locations[0] ${SEPARATOR}`],
    ['a:6379:1 server1', `locations[0] ${SEPARATOR}`],
    ['redis://a redis://b', `locations[0] ${SEPARATOR}`],
    [['a:6379,b:6379'], `locations[0] ${ONE_ENTRY}`],
    [['redis://a;redis://b'], `locations[0] ${ONE_ENTRY}`],
    ['"a:6379"', `locations[0] ${QUOTES}`],
    ["'redis://:p@a'", `locations[0] ${QUOTES}`],
    ["['a:6379','b:6379']", `locations[0] ${QUOTES}`],
    ['["redis://:p@a"]', `locations[0] ${QUOTES}`],
    ['{"host":"a"}', `locations[0] ${QUOTES}`],
    ['[{"url":"redis://:p@a"}]', `locations[0] ${QUOTES}`],
    ['$HOST', `locations[0] ${PLACEHOLDER}`],
    // biome-ignore-start lint/suspicious/noTemplateCurlyInString: these texts are locations.
    ['${HOST}:6379', `locations[0] ${PLACEHOLDER}`],
    ['h:${PORT}', `locations[0] ${PLACEHOLDER}`],
    ['redis://${HOST:-h}:6379', `locations[0] ${PLACEHOLDER}`],
    ['redis://:${PASSWORD}@h', `locations[0] has a user name or password that ${UNSET}`],
    // biome-ignore-end lint/suspicious/noTemplateCurlyInString: these texts are locations.
    ['$(HOST)', `locations[0] ${PLACEHOLDER}`],
    ['{{ .Values.host }}', `locations[0] ${PLACEHOLDER}`],
    ['<host>', `locations[0] ${PLACEHOLDER}`],
    ['<no value>:6379', `locations[0] ${PLACEHOLDER}`],
    ['%HOST%', `locations[0] ${PLACEHOLDER}`],
    ['undefined:6379', `locations[0] has a host that ${UNSET} (not shown here)`],
    ['redis://null', `locations[0] has a host that ${UNSET} (not shown here)`],
    ['h:undefined', `locations[0] has a port that ${UNSET}`],
    ['redis://h:NaN', `locations[0] has a port that ${UNSET}`],
    ['redis://undefined:undefined@h', `locations[0] has a user name or password that ${UNSET}`],
    ['[object Object]', 'locations[0] contains "[object Object]"; pass the object itself, in a list'],
    ['bücher.example', `locations[0] ${XN}`],
    ['redis://bücher.example', `locations[0] ${XN}`],
    ['password@h:6379?ssl=true', `locations[0] ${NO_SCHEME}`],
    ['redis:/h', 'locations[0] has no "//" after the scheme; write redis://host:port'],
    ['tcp://h:6379', 'locations[0] has the scheme tcp://; write redis://host:port'],
    ['tls://h:6379', 'locations[0] has the scheme tls://; write rediss://host:port'],
    ['redis-sentinel://h/mymaster', `locations[0] has the scheme redis-sentinel://; ${SENTINEL}`],
    ['redis+sentinel://h', `locations[0] has the scheme redis+sentinel://; ${SENTINEL}`],
    [
      'redis-cluster://h',
      'locations[0] has the scheme redis-cluster://; a Redis Cluster shards by itself; list independent servers one by one',
    ],
    ['redis-socket:///s', 'locations[0] has the scheme redis-socket://; write unix:/path'],
    [
      'unix://run/redis.sock',
      'locations[0] must have an absolute path after unix:, as in unix:/run/redis.sock (not shown here)',
    ],
    [
      'unix:///run/redis.sock?password=p',
      'locations[0] has "@", "?", "#" or "=" in the path of a Unix socket; pass an object in a list, as in ' +
        '[{ path, username, password, database }] (not shown here)',
    ],
  ])('%j', (locations, message) => {
    expect(messageOf(locations)).toBe(message);
  });
});

describe('a query parameter is refused by its name, and its value is not shown:', () => {
  const refused = (name: string, advice = '') =>
    `locations[0] has the query parameter "${name}", which is not allowed; allowed is family${advice}`;
  const hidden =
    'locations[0] has a query parameter (not shown, as it may be part of a password); allowed is family';
  const family = 'locations[0] must have family once, as family=0, family=4 or family=6 (not shown here)';
  test.each<[string, string]>([
    ['redis://h?keepalive=1', refused('keepalive')],
    ['redis://h/0?protocol=3', refused('protocol', '; set the option clientOptions: { RESP }')],
    ['redis://h?password=p&x=1', refused('password', '; write redis://user:password@host:port')],
    ['redis://h?ssl=true', refused('ssl', '; write rediss:// for TLS')],
    [
      'rediss://h?ssl_cert_reqs=none',
      refused('ssl_cert_reqs', '; set the option tls: { rejectUnauthorized }'),
    ],
    ['redis://h?timeout=5', refused('timeout', '; set the option connectTimeoutMs or commandTimeoutMs')],
    [
      'redis://h?family=4&db=1',
      refused('db', '; write the database after the host, as in redis://host:port/2'),
    ],
    ['redis://h?S3cr3t=1', hidden],
    ['redis://h?=1', hidden],
    // The password may be "1?keepalive,x".
    ['redis://user:1?keepalive,x@h', hidden],
    ['redis://h?family=5', family],
    ['redis://h?family=', family],
    ['redis://h?family=4&family=6', family],
  ])('%s', (location, message) => {
    expect(messageOf(location)).toBe(message);
  });
});

class Options {
  host = 'h';
}

describe('a first argument that is no list', () => {
  const list = 'locations must be a list, or one string with entries separated by ";" or ",", got';
  test.each<[string, unknown, string]>([
    [
      'an object',
      { url: 'redis://:p@h' },
      'an object; put it in a list, as in [{ url }] or [{ host, port }]',
    ],
    ['a client', createClient(), 'a client; put it in a list, as in [client]'],
    ['a function', () => createClient(), 'a function; put it in a list, as in [() => createClient(...)]'],
    ['a URL object', new URL('redis://:p@h'), 'a URL object; write its text, url.href'],
    ['null', null, 'null'],
    ['a number', 6379, '6379'],
    ['a Set', new Set(['h']), 'an object; put it in a list, as in [{ url }] or [{ host, port }]'],
  ])('is refused: %s', (_title, locations, message) => {
    expect(messageOf(locations)).toBe(`${list} ${message}`);
  });

  test('is the default if it is undefined, but updateNodes() needs a list', async () => {
    await using store = new DRedisStore(undefined);
    expect(store.nodes).toEqual(['localhost:6379']);
    await expect(store.updateNodes(undefined as never)).rejects.toThrow(`${list} undefined`);
  });
});

describe('an entry of a list is refused:', () => {
  const other =
    'must be a plain object or a node-redis client, got another object, such as a promise or a client of another ' +
    'library';
  test.each<[string, unknown, string]>([
    [
      'undefined',
      undefined,
      'must be a string, an object or a node-redis client, got undefined; an environment variable is probably not set',
    ],
    ['a list', ['h'], 'is a list in a list; write all locations in one list'],
    ['a URL object', new URL('redis://:p@h'), 'is a URL object; write its text, url.href'],
    [
      'a cluster client',
      createCluster({ rootNodes: [] }),
      'is a cluster client, which shards by itself; list the nodes one by one',
    ],
    // Regression: objects without fields of their own were accepted as localhost.
    ['a promise', Promise.resolve(createClient()), other],
    ['a Map', new Map([['host', 'h']]), other],
    ['an event emitter', Object.assign(new EventTarget(), { host: 'h', on: () => undefined }), other],
    [
      'options of node-redis',
      { socket: { host: 'h' } },
      'has no option "socket"; write host, port, path and tls',
    ],
    ['options of ioredis', { host: 'h', db: 1 }, 'has no option "db"; write database'],
    [
      'a Map of URLs',
      { 'redis://:p@h': 2 },
      'has a field whose name is not that of an option (not shown here)',
    ],
    [
      'a port as a string',
      { port: SECRET },
      'must have a port that is a number, got a string; write Number(port)',
    ],
  ])('%s', (_title, entry, problem) => {
    expect(messageOf([entry])).toBe(`locations[0] ${problem}`);
  });

  test('but an instance of a class with options is accepted', () => {
    expect(messageOf([new Options()])).toBe('accepted as h:6379');
  });
});

test('no function is called to make a client before all locations were checked', () => {
  let callCount = 0;
  const factory = () => {
    callCount += 1;
    return createClient();
  };
  expect(() => new DRedisStore([factory, 'a b'])).toThrow(InvalidOptionError);
  expect(callCount).toBe(0);
});

// A regular expression that backtracks takes minutes for a text of this length.
describe('a text of five million characters is refused within a second, with a short message:', () => {
  const LENGTH = 5_000_000;
  test.each([
    'a',
    '.',
    '-',
    '0',
    ' ',
    ':',
    '[',
    '/',
    '@',
    '%',
    '%a',
    '<',
    '<a',
    ',',
    'a,',
    'a.',
    '=',
    'a=',
    '$',
    'password ',
    '"',
    '\n',
    '?a&',
    '\ud800',
  ])('%j repeated', (piece) => {
    const text = `${piece.repeat(LENGTH / piece.length)}!`;
    const begun = performance.now();
    for (const locations of [
      text,
      ...[
        text,
        `h:${text}`,
        `redis://${text}`,
        `redis://:${text}@h`,
        `redis://h?${text}`,
        `unix:/${text}`,
      ].map((entry) => [entry]),
      ...[
        { host: text },
        { url: text },
        { url: `redis://h/${text}` },
        { path: `/${text}` },
        { name: text },
      ].map((entry) => [entry]),
    ]) {
      expect(messageOf(locations)).toMatch(/^locations.{1,300}$/);
    }
    expect(performance.now() - begun).toBeLessThan(1000);
  });

  test.each(['a', '.', 'a.', ' ', '%a', '<a', ':', '?a&', '=', 'password '])(
    'as is a text of the greatest length: %j repeated',
    (piece) => {
      const text = `${piece.repeat(9_000 / piece.length)}!`;
      const begun = performance.now();
      expect(messageOf(text.repeat(11))).toMatch(/^locations.{1,300}$/);
      for (const entry of [text, `h:${text}`, `redis://${text}`, `redis://h?${text}`, `unix:/${text}`]) {
        expect(messageOf([entry])).toMatch(/^locations.{1,300}$/);
      }
      expect(performance.now() - begun).toBeLessThan(1000);
    },
  );

  test.each([['x'.repeat(10_001)], [[{ url: `redis://:${'x'.repeat(9_999)}@h` }]]])(
    'and the message says how long a location may be',
    (locations) => {
      expect(messageOf(locations)).toMatch(
        /^locations\[0\] must have at most 10000 characters, got 1\d+ \(not shown here\)$/,
      );
    },
  );

  test('a URL may contain a password of some thousand characters', () => {
    expect(messageOf(`redis://:${'x'.repeat(9_000)}@h`)).toBe('accepted as h:6379');
  });

  test('a string of many locations', () => {
    const begun = performance.now();
    expect(messageOf('a,'.repeat(50_000))).toMatch(/^locations\[50000\] is empty/);
    expect(performance.now() - begun).toBeLessThan(1000);
  });
});
