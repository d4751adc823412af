import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { type RedisServers, startRedis } from 'redis-launcher';
import { DRedisStore } from '../../src/index.js';
import { type AnyKeyv, entriesOf, type Major, makeKeyv } from '../support/keyvs.js';
import { keysOf, rejection } from '../support/stores.js';

// Of two servers one is dead, and nobody listens to 'error'. What error-reporting.test.ts is to those who do.

let servers: RedisServers;
let dead: string;
let store: DRedisStore;
let lost: string;
let kept: string;
let warnings: jest.SpiedFunction<typeof process.emitWarning>;

beforeAll(async () => {
  servers = await startRedis({ count: 2 });
  await servers.servers[1]?.kill();
  dead = servers.locations[1] as string;
});

afterAll(() => servers?.stop());

beforeEach(async () => {
  warnings = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  store = new DRedisStore(servers.locations, { namespace: 'unheard' });
  [lost] = keysOf(store, dead, 1) as [string];
  [kept] = keysOf(store, servers.locations[0] as string, 1) as [string];
  await store.set(kept, '{"value":"value"}');
});

afterEach(async () => {
  await store.disconnect();
  warnings.mockRestore();
});

const both = () => [lost, kept, lost].map((key) => ({ key, value: 'value' }));

const CALLS = {
  get: (keyv) => keyv.get(lost),
  has: (keyv) => keyv.has(lost),
  set: (keyv) => keyv.set(lost, 'value'),
  delete: (keyv) => keyv.delete(lost),
  clear: (keyv) => keyv.clear(),
  getMany: (keyv) => keyv.getMany([lost, kept, lost]),
  setMany: (keyv) => keyv.setMany(both()),
  deleteMany: (keyv) => keyv.deleteMany([lost, kept]),
  hasMany: (keyv) => keyv.hasMany([lost, kept]),
  iterator: (keyv) => entriesOf(keyv).then((entries) => entries.map(([, value]) => value)),
} satisfies Record<string, (keyv: AnyKeyv) => Promise<unknown>>;

type Call = keyof typeof CALLS;

const open = (major: Major) => makeKeyv(major, store, { namespace: 'unheard' });

const codesWarnedOf = () =>
  warnings.mock.calls.map(([, options]) => (options as unknown as { code: string }).code);

describe('Keyv 5 answers as if somebody listened, and nothing rejects', () => {
  test.each<[Call, unknown]>([
    ['get', undefined],
    ['has', false],
    ['set', false],
    ['delete', false],
    ['clear', undefined],
    ['getMany', [undefined, 'value', undefined]],
    ['setMany', [false, true, false]],
    ['deleteMany', false],
    ['hasMany', [false, true]],
    ['iterator', ['value']],
  ])('%s', async (call, answer) => {
    expect(await CALLS[call](open(5))).toEqual(answer);
    expect(codesWarnedOf()).toEqual([]);
  });

  test('throwOnErrors: writes reject, a call over several servers answers', async () => {
    const keyv = makeKeyv(5, store, { namespace: 'unheard', throwOnErrors: true });
    const unavailable = { code: 'DREDIS_NODE_UNAVAILABLE', node: dead };
    expect(await keyv.getMany([lost, kept])).toEqual([undefined, 'value']);
    expect(await rejection(keyv.set(lost, 'value'))).toMatchObject(unavailable);
    expect(await rejection(keyv.delete(lost))).toMatchObject(unavailable);
    expect(await rejection(keyv.clear())).toMatchObject({ code: 'DREDIS_CLEAR_INCOMPLETE', nodes: [dead] });
  });
});

describe('Keyv 6 rejects what the store rejects', () => {
  // Keyv asks for has() what get() gives, as long as it checks for expired values.
  test.each<[Call, code: string]>([
    ['get', 'DREDIS_NODE_UNAVAILABLE'],
    ['has', 'DREDIS_NODE_UNAVAILABLE'],
    ['set', 'DREDIS_NODE_UNAVAILABLE'],
    ['delete', 'DREDIS_NODE_UNAVAILABLE'],
    ['clear', 'DREDIS_CLEAR_INCOMPLETE'],
  ])('%s', async (call, code) => {
    expect(await rejection(CALLS[call](open(6)))).toMatchObject({ code });
    expect(codesWarnedOf()).toEqual([]);
  });
});

describe('Keyv 6 answers a call over several servers with what could be had, and the process is warned', () => {
  test.each<[Call, unknown]>([
    ['getMany', [undefined, 'value', undefined]],
    ['setMany', [false, true, false]],
    ['deleteMany', [false, true]],
    ['hasMany', [false, true]],
    ['iterator', ['value']],
  ])('%s', async (call, answer) => {
    const keyv = open(6);
    expect(await CALLS[call](keyv)).toEqual(answer);
    // Keyv 6 throws at the store that tells it of a failure when it has nobody to pass it on to.
    expect(codesWarnedOf()).toEqual(['DREDIS_NODE_UNAVAILABLE']);
    expect(warnings.mock.calls[0]?.[0]).toContain(dead);
    await CALLS[call](keyv);
    expect(codesWarnedOf()).toHaveLength(1);
  });
});

describe('without Keyv', () => {
  test.each<Call>(['get', 'has', 'set', 'delete', 'clear'])(
    '%s rejects, and nobody is warned',
    async (call) => {
      const { code } = await rejection(CALLS[call](store as unknown as AnyKeyv));
      expect(code).toBe(call === 'clear' ? 'DREDIS_CLEAR_INCOMPLETE' : 'DREDIS_NODE_UNAVAILABLE');
      expect(codesWarnedOf()).toEqual([]);
    },
  );

  test.each<Call>(['getMany', 'setMany', 'deleteMany', 'hasMany', 'iterator'])(
    '%s gives what could be had, and the process is warned once of this kind',
    async (call) => {
      await CALLS[call](store as unknown as AnyKeyv);
      await CALLS[call](store as unknown as AnyKeyv);
      expect(codesWarnedOf()).toEqual(['DREDIS_NODE_UNAVAILABLE']);
    },
  );
});
