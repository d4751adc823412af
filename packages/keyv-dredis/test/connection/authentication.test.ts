import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type RedisServers, startRedis } from 'redis-launcher';
import {
  DRedisStore,
  type DRedisStoreOptions,
  type Locations,
  NodeUnavailableError,
} from '../../src/index.js';
import { errorsOf, rejection } from '../support/stores.js';
import { type StubServer, stubServer } from '../support/stub-server.js';

const PASSWORD = 'open:se@same/%41,;#';

let redis: RedisServers;
let location: string;
const stores: DRedisStore[] = [];
const stubs: StubServer[] = [];

beforeAll(async () => {
  redis = await startRedis({ count: 1, args: ['--requirepass', PASSWORD] });
  location = redis.locations[0] as string;
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
