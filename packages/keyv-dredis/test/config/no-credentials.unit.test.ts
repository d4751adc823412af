import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createClient } from 'redis';
import { type DRedisError, DRedisStore, type Locations } from '../../src/index.js';

/** Part of every password, and long enough that no message contains it by chance. */
const PIECE = 'zq9zq9';

/** Passwords, mostly made of characters with a special meaning in URLs or lists. */
const password = fc
  .tuple(
    fc.string({ unit: fc.constantFrom('z', 'q', '9', ...',;:@/%#?[]\\ &=+!\'"<>|^`{}ü💩\t'), maxLength: 12 }),
    fc.string({ unit: fc.constantFrom('z', 'q', '9', ...',;:@/%#?'), minLength: 0, maxLength: 12 }),
  )
  .map(([before, after]) => `${before}${PIECE}${after}`);

/** Returns all texts that can appear when an error is printed. */
function shown(error: unknown): string {
  const { message, stack, cause } = error as Error;
  const input: unknown = (error as { input?: unknown }).input;
  const all = [
    message,
    stack,
    String(cause),
    String(input),
    inspect(error, { depth: 9, showHidden: true }),
    inspect(error, { customInspect: false, depth: 9 }),
    JSON.stringify(error),
  ];
  return all.join('\n').toLowerCase();
}

function outcome(locations: unknown, options?: object): { store?: DRedisStore; error?: unknown } {
  try {
    return { store: new DRedisStore(locations as Locations, options) };
  } catch (error) {
    return { error };
  }
}

function expectNoPassword({ store, error }: { store?: DRedisStore; error?: unknown }): void {
  if (error !== undefined) {
    expect((error as DRedisError).code).toBe('DREDIS_INVALID_OPTION');
    expect(shown(error)).not.toContain(PIECE);
  }
  if (store !== undefined) {
    const namespaced = store.withNamespace('n');
    for (const each of [store, namespaced]) {
      expect(inspect(each, { depth: 9, showHidden: true })).not.toContain(PIECE);
      expect(inspect({ each }, { depth: 9, showHidden: true, customInspect: false })).not.toContain(PIECE);
      expect(JSON.stringify([each.opts, each.nodes, each.capabilities, each])).not.toContain(PIECE);
      expect(String(each)).not.toContain(PIECE);
    }
  }
}

const inUrl = (text: string) => fc.constantFrom(text, encodeURIComponent(text), encodeURI(text));
/** Locations that contain a password. Most of the locations are invalid. */
const url = password.chain((text) =>
  inUrl(text).chain((written) =>
    fc.constantFrom(
      `redis://user:${written}@host:6379`,
      `redis://:${written}@host:6379/0`,
      `rediss://user:${written}@host`,
      `redis://${written}@host`,
      `redis://user:${written}@host:99999`,
      `redis://user:${written}@host:port`,
      `redis://user:${written}@host/one`,
      `redis://user:${written}@host?x=1`,
      `redis://user:${written}@ho st`,
      `redis://user:${written}@`,
      `redis://user:${encodeURIComponent(text)}`,
      `http://user:${written}@host`,
      `redis:/user:${written}@host`,
      `user:${written}@host:6379`,
      `:${written}@host`,
    ),
  ),
);

/** Texts of other kinds that contain a password. Each of them has to be refused. */
const connectionString = password.chain((text) =>
  inUrl(text).chain((written) =>
    fc.constantFrom(
      `mycache.redis.cache.windows.net:6380,password=${written},ssl=True,abortConnect=False`,
      `mycache.redis.cache.windows.net:6380, ssl=True, user=u, password = ${written}`,
      `password=${written},host:6379`,
      `host=10.0.0.1;port=6379;pwd=${written}`,
      `host:6379 password ${written}`,
      `host:6379:${written}`,
      `host:x${written}`,
      `host:6379/${written}`,
      `host:6379?password=${written}`,
      `redis://host:6379?password=${written}`,
      `redis://host:6379/0?family=4&password=${written}`,
      `redis://host:6379?family=${written}`,
      `redis://host:6379#${written}`,
      `redis://host:6379/0/${written}`,
      `redis-sentinel://:${written}@host`,
      `${written}://host`,
      `unix://user:${written}@/run/redis.sock`,
      `unix:///run/redis.sock?password=${written}`,
      `"redis://:${written}@host`,
      `[{"host":"host","password":"${written}"}]`,
      `redis-cli -h host -a ${written}`,
      `REDIS_URL=redis://:${written}@host`,
    ),
  ),
);

describe('errors and stores never show a password', () => {
  test('in connection strings and other texts that are no locations', () => {
    fc.assert(
      fc.property(connectionString, (text) => {
        for (const locations of [text, [text], ['other', text], `other,${text}`, text.split(',')]) {
          const { store, error } = outcome(locations);
          expectNoPassword({ error });
          expect(store).toBeUndefined();
        }
        for (const entry of [{ url: text }, { host: text }, { port: text }, { [text]: 1 }]) {
          expectNoPassword(outcome([entry]));
        }
      }),
      { numRuns: 200 },
    );
  });

  test('in a list of URLs', () => {
    fc.assert(
      fc.property(url, (location) => expectNoPassword(outcome(['other', location]))),
      { numRuns: 100 },
    );
  });

  test('in several locations given as one string', () => {
    fc.assert(
      fc.property(url, fc.constantFrom(',', ';', ', '), (location, separator) => {
        expectNoPassword(outcome(['other', location, 'third:6380'].join(separator)));
        expectNoPassword(outcome([location, location].join(separator)));
        expectNoPassword(outcome(location));
      }),
      { numRuns: 100 },
    );
  });

  test('in a location given as an object', () => {
    fc.assert(
      fc.property(url, password, (location, text) => {
        expectNoPassword(outcome([{ url: location }]));
        expectNoPassword(outcome([{ url: location, host: 'h' }]));
        expectNoPassword(outcome([{ host: location }]));
        expectNoPassword(outcome([{ host: 'h', password: text, database: -1 }]));
        expectNoPassword(outcome([{ host: 'h', password: `${text}\ud800` }]));
        expectNoPassword(outcome([{ host: 'h', password: [text] }]));
        expectNoPassword(outcome([{ host: 'h', password: { text } }]));
        expectNoPassword(outcome([{ host: 'h', clientOptions: { password: text } }]));
        expectNoPassword(outcome([{ host: 'h', tls: text }]));
        expectNoPassword(outcome([{ name: `redis://u:${text}@h` }]));
        expectNoPassword(outcome([{ name: `h:6379,password=${text}` }]));
        expectNoPassword(outcome([{ path: `redis://u:${text}@h` }]));
        expectNoPassword(outcome([{ client: createClient({ socket: { host: `u:${text}@h` } }) }]));
      }),
    );
  });

  test('in the options', () => {
    fc.assert(
      fc.property(url, password, (location, text) => {
        expectNoPassword(outcome('h', { password: text }));
        expectNoPassword(outcome('h', { password: text, username: 5 }));
        expectNoPassword(outcome('h', { password: `${text}\ud800` }));
        expectNoPassword(outcome('h', { clientOptions: { url: location } }));
        expectNoPassword(outcome('h', { redis: location }));
        expectNoPassword(outcome('h,h', { password: text }));
      }),
    );
  });

  test('in an argument of the wrong type', () => {
    fc.assert(
      fc.property(url, password, (location, text) => {
        expectNoPassword(outcome({ url: location }));
        expectNoPassword(outcome({ password: text }));
        expectNoPassword(outcome(undefined, location as never));
        expectNoPassword(outcome('h', [location] as never));
        expectNoPassword(outcome([[location]]));
        expectNoPassword(outcome([() => location]));
        expectNoPassword(outcome([{ client: location }]));
      }),
    );
  });
});

test.each([
  // Found by fast-check: if several locations are given as one string, the separators split the password.
  'redis://user:1,zq9zq9://x@host',
  'redis://user:1;zq9zq9,x@host',
  'redis://user:1;zq9zq9:x;@host',
  'redis://user:1,[zq9zq9];x@host',
  'redis://user:1,unix:zq9zq9,x@host',
  // Regression: the message about two nodes of the same name showed a piece of the password.
  'redis://user:1,zq9zq9,zq9zq9,x@host',
  'redis://user:1?zq9zq9=1,x@host',
])('errors and stores never show the password in %j', (locations) => {
  expectNoPassword(outcome(locations));
  expectNoPassword(outcome([locations]));
});

test("node names and inspect(store) do not contain a URL's password", () => {
  const { store } = outcome('redis://user:zq9zq9@a:1,redis://:zq9zq9@b:2/3');
  expect(store?.nodes).toEqual(['a:1', 'b:2/3']);
  expect(inspect(store)).toBe('DRedisStore { namespace: undefined, nodes: ["a:1","b:2/3"] }');
});
