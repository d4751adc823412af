import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { type RedisServers, startRedis } from 'redis-launcher';
import {
  CommandFailedError,
  DRedisStore,
  type DRedisStoreOptions,
  type Locations,
  NodeUnavailableError,
} from '../src/index.js';
import { errorsOf, rejection } from './support/stores.js';
import { type StubServer, stubServer } from './support/stub-server.js';

const PASSWORD = 'open:se@same/%41,;#';
const USER_PASSWORD = 'only-users';

let redis: RedisServers;
let location: string;
const stores: DRedisStore[] = [];
const stubs: StubServer[] = [];

beforeAll(async () => {
  redis = await startRedis({ count: 1, args: ['--requirepass', PASSWORD] });
  location = redis.locations[0] as string;
  const admin = createClient({ url: `redis://${location}`, password: PASSWORD });
  await admin.connect();
  const rules = [
    'reset',
    'on',
    `>${USER_PASSWORD}`,
    '~users:*',
    '+@read',
    '+@write',
    '+@connection',
    '+scan',
  ];
  await admin.sendCommand(['ACL', 'SETUSER', 'app', ...rules, '-@dangerous']);
  await admin.close();
});

afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.disconnect()));
  await Promise.all(stubs.splice(0).map((stub) => stub.stop()));
});

afterAll(() => redis?.stop());

function makeStore(locations: Locations, options?: DRedisStoreOptions): DRedisStore {
  const store = new DRedisStore(locations, options);
  stores.push(store);
  return store;
}

describe('a password', () => {
  test('of the store', async () => {
    const store = makeStore([location], { password: PASSWORD });
    expect(await store.set('key', 'value')).toBe(true);
    expect(await store.get('key')).toBe('value');
  });

  test('of a URL, percent-encoded, also in one string with others', async () => {
    const url = `redis://:${encodeURIComponent(PASSWORD)}@${location}`;
    for (const locations of [[url], url, `${url};${url}/1`]) {
      const store = makeStore(locations);
      await store.connect();
      expect(await store.set('key', 'value')).toBe(true);
    }
  });

  test('of one location, over that of the store', async () => {
    const store = makeStore([{ url: `redis://${location}`, password: PASSWORD }], { password: 'wrong' });
    expect(await store.set('key', 'value')).toBe(true);
  });
});

describe('a password that is wrong, or missing', () => {
  const secret = 'wr0ng-s3cret';

  test.each<[string, () => DRedisStore, RegExp]>([
    ['option', () => makeStore([location], { password: secret }), /WRONGPASS/],
    ['URL', () => makeStore([`redis://default:${secret}@${location}`]), /WRONGPASS/],
    ['user', () => makeStore([`redis://nobody:${secret}@${location}`]), /WRONGPASS/],
    ['none', () => makeStore([location]), /NOAUTH/],
  ])(
    '%s: the node is unavailable, and the server’s reason is told but no password',
    async (_name, make, reason) => {
      const store = make();
      const told: unknown[] = errorsOf(store);
      store.on('node:down', (...args) => told.push(args));
      const single = await rejection(store.get('key'));
      expect(single).toBeInstanceOf(NodeUnavailableError);
      expect(single.message).toMatch(reason);
      await store.getMany(['a', 'b']);
      told.push(single, await rejection(store.connect()), await rejection(store.clear()), store);
      expect(told.length).toBeGreaterThanOrEqual(6);
      expect(inspect(told, { depth: 20, showHidden: true })).not.toContain(secret);
    },
  );

  test('a server that echoes the greeting, password and all: it is masked', async () => {
    // What a server does that does not know HELLO, such as Redis 5.
    const stub = await stubServer((socket) =>
      socket.once('data', (greeting) => {
        const words = greeting.toString('latin1').replace(/[\r\n]+/g, ' ');
        socket.write(`-ERR unknown command, with args beginning with: ${words}\r\n`);
      }),
    );
    stubs.push(stub);
    const store = makeStore([stub.location], { password: secret });
    const error = await rejection(store.get('key'));
    expect(error.message).toContain('with args beginning with');
    expect(error.message).toContain('***');
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(secret);
  });
});

describe('a user that may only touch one namespace', () => {
  const login = { username: 'app', password: USER_PASSWORD };

  test('can do all that a store does in it', async () => {
    const store = makeStore([location], { ...login, namespace: 'users' });
    const errors = errorsOf(store);
    await store.connect();
    expect(await store.set('a', '1')).toBe(true);
    expect(await store.set('b', '2', Date.now() + 60_000)).toBe(true);
    const entries = [
      { key: 'c', value: '3' },
      { key: 'd', value: '4', expires: Date.now() + 60_000 },
    ];
    expect(await store.setMany(entries)).toEqual([true, true]);
    expect(await store.getMany(['a', 'b', 'c', 'd'])).toEqual(['1', '2', '3', '4']);
    expect(await store.has('a')).toBe(true);
    expect(await store.delete('a')).toBe(true);
    expect(await store.deleteMany(['b', 'x'])).toEqual([true, false]);
    const keys: string[] = [];
    for await (const [key] of store.iterator()) keys.push(key);
    expect(keys.sort()).toEqual(['c', 'd']);
    await store.clear();
    expect(await store.hasMany(['c', 'd'])).toEqual([false, false]);
    expect(errors).toEqual([]);
  });

  test('is refused elsewhere with the server’s own words, and stays connected', async () => {
    const store = makeStore([location], { ...login, namespace: 'others' });
    const downs: string[] = [];
    store.on('node:down', (name) => downs.push(name));
    const error = await rejection(store.get('key'));
    expect(error).toBeInstanceOf(CommandFailedError);
    expect(error).toMatchObject({ code: 'DREDIS_COMMAND_FAILED', node: location });
    expect(error.message).toMatch(/NOPERM/);
    expect((error.cause as Error).message).toMatch(/NOPERM/);
    expect(downs).toEqual([]);
    expect(await store.fork({ namespace: 'users' }).get('key of nobody')).toBeUndefined();
  });
});
