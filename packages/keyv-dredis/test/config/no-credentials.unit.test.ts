import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type DRedisError, DRedisStore, type Locations } from '../../src/index.js';

/** Part of every password, and of no message of ours by chance. */
const PIECE = 'zq9zq9';

/** Made of what has a meaning in a URL or a list, more than of anything else. */
const password = fc
  .tuple(
    fc.string({ unit: fc.constantFrom('z', 'q', '9', ...',;:@/%#?[]\\ &=+!\'"<>|^`{}ü💩\t'), maxLength: 12 }),
    fc.string({ unit: fc.constantFrom('z', 'q', '9', ...',;:@/%#?'), minLength: 0, maxLength: 12 }),
  )
  .map(([before, after]) => `${before}${PIECE}${after}`);

/** All that an error shows to somebody who prints it in one way or another. */
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

function showsNothing({ store, error }: { store?: DRedisStore; error?: unknown }): void {
  if (error !== undefined) {
    expect((error as DRedisError).code).toBe('DREDIS_INVALID_OPTION');
    expect(shown(error)).not.toContain(PIECE);
  }
  if (store !== undefined) {
    const fork = store.withNamespace('n');
    for (const each of [store, fork]) {
      expect(inspect(each, { depth: 9, showHidden: true })).not.toContain(PIECE);
      expect(inspect({ each }, { depth: 9, showHidden: true, customInspect: false })).not.toContain(PIECE);
      expect(JSON.stringify([each.opts, each.nodes, each.capabilities, each])).not.toContain(PIECE);
      expect(String(each)).not.toContain(PIECE);
    }
  }
}

const inUrl = (text: string) => fc.constantFrom(text, encodeURIComponent(text), encodeURI(text));
/** A location around a password, most of them with something wrong with it. */
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

describe('whatever the password and wherever it stands, it is not shown', () => {
  test('in a list of URLs', () => {
    fc.assert(
      fc.property(url, (location) => showsNothing(outcome(['other', location]))),
      { numRuns: 1000 },
    );
  });

  test('in one string of locations', () => {
    fc.assert(
      fc.property(url, fc.constantFrom(',', ';', ', '), (location, separator) => {
        showsNothing(outcome(['other', location, 'third:6380'].join(separator)));
        showsNothing(outcome([location, location].join(separator)));
        showsNothing(outcome(location));
      }),
      { numRuns: 1000 },
    );
  });

  test('in a location written out', () => {
    fc.assert(
      fc.property(url, password, (location, text) => {
        showsNothing(outcome([{ url: location }]));
        showsNothing(outcome([{ url: location, host: 'h' }]));
        showsNothing(outcome([{ host: location }]));
        showsNothing(outcome([{ host: 'h', password: text, database: -1 }]));
        showsNothing(outcome([{ host: 'h', password: `${text}\ud800` }]));
        showsNothing(outcome([{ host: 'h', password: [text] }]));
        showsNothing(outcome([{ host: 'h', password: { text } }]));
        showsNothing(outcome([{ host: 'h', clientOptions: { password: text } }]));
        showsNothing(outcome([{ host: 'h', tls: text }]));
        showsNothing(outcome([{ name: `redis://u:${text}@h` }]));
      }),
    );
  });

  test('in the options', () => {
    fc.assert(
      fc.property(url, password, (location, text) => {
        showsNothing(outcome('h', { password: text }));
        showsNothing(outcome('h', { password: text, username: 5 }));
        showsNothing(outcome('h', { password: `${text}\ud800` }));
        showsNothing(outcome('h', { clientOptions: { url: location } }));
        showsNothing(outcome('h', { redis: location }));
        showsNothing(outcome('h,h', { password: text }));
      }),
    );
  });

  test('with the arguments in the wrong places', () => {
    fc.assert(
      fc.property(url, password, (location, text) => {
        showsNothing(outcome({ url: location }));
        showsNothing(outcome({ password: text }));
        showsNothing(outcome(undefined, location as never));
        showsNothing(outcome('h', [location] as never));
        showsNothing(outcome([[location]]));
        showsNothing(outcome([() => location]));
        showsNothing(outcome([{ client: location }]));
      }),
    );
  });
});

test.each([
  // A property found these; as text of one string they fall into pieces that look like something else.
  'redis://user:1,zq9zq9://x@host',
  'redis://user:1;zq9zq9,x@host',
  'redis://user:1;zq9zq9:x;@host',
  'redis://user:1,[zq9zq9];x@host',
  'redis://user:1,unix:zq9zq9,x@host',
])('nor that of %j', (locations) => {
  showsNothing(outcome(locations));
  showsNothing(outcome([locations]));
});

test('a well-formed password does not make the name of a node', () => {
  const { store } = outcome('redis://user:zq9zq9@a:1,redis://:zq9zq9@b:2/3');
  expect(store?.nodes).toEqual(['a:1', 'b:2/3']);
  expect(inspect(store)).toBe('DRedisStore { namespace: undefined, nodes: ["a:1","b:2/3"] }');
});
