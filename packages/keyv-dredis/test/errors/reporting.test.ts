import { beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { RedisServers } from 'redis-launcher';
import type { DRedisStore } from '../../src/index.js';
import {
  type AnyKeyv,
  entriesOf,
  errorsOf,
  keysOf,
  MAJORS,
  type Major,
  makeKeyv,
  onCleanUp,
  openKeyv,
  openStoreOver,
  rejection,
  startServers,
  takeErrorCodes,
} from '../support/index.js';

// One of two servers is killed. Each failure is reported exactly once: by a rejection, an event or a warning.

const NAMESPACE = 'errors';

let redis: RedisServers;
let alive: string;
let dead: string;
let store: DRedisStore;
let lostKey: string;
let keptKey: string;
let warnings: jest.SpiedFunction<typeof process.emitWarning>;

beforeAll(async () => {
  redis = await startServers({ count: 2 });
  await redis.servers[1]?.kill();
  [alive, dead] = redis.locations as [string, string];
});

beforeEach(async () => {
  warnings = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  onCleanUp(() => warnings.mockRestore());
  store = openStoreOver(redis.locations, { namespace: NAMESPACE });
  [lostKey] = keysOf(store, dead, 1) as [string];
  [keptKey] = keysOf(store, alive, 1) as [string];
  await store.set(keptKey, '{"value":"value"}');
});

/** Multi-key calls use keys from both servers. */
const CALLS = {
  get: (keyv) => keyv.get(lostKey),
  has: (keyv) => keyv.has(lostKey),
  set: (keyv) => keyv.set(lostKey, 'value'),
  delete: (keyv) => keyv.delete(lostKey),
  clear: (keyv) => keyv.clear(),
  getMany: (keyv) => keyv.getMany([lostKey, keptKey, lostKey]),
  setMany: (keyv) => keyv.setMany([lostKey, keptKey, lostKey].map((key) => ({ key, value: 'value' }))),
  deleteMany: (keyv) => keyv.deleteMany([lostKey, keptKey]),
  hasMany: (keyv) => keyv.hasMany([lostKey, keptKey]),
  iterator: async (keyv) => (await entriesOf(keyv)).map(([, value]) => value),
} satisfies Record<string, (keyv: AnyKeyv) => Promise<unknown>>;

type Call = keyof typeof CALLS;

const SINGLE_CALLS: readonly Call[] = ['get', 'has', 'set', 'delete', 'clear'];
const MULTI_CALLS: readonly Call[] = ['getMany', 'setMany', 'deleteMany', 'hasMany', 'iterator'];

const codeOf = (call: Call) => (call === 'clear' ? 'DREDIS_CLEAR_INCOMPLETE' : 'DREDIS_NODE_UNAVAILABLE');

/** The return values of Keyv's calls if they do not reject. */
const answersOf = (major: Major): [Call, answer: unknown][] => [
  ['get', undefined],
  ['has', false],
  ['set', false],
  ['delete', false],
  ['clear', undefined],
  ['getMany', [undefined, 'value', undefined]],
  ['setMany', [false, true, false]],
  ['deleteMany', major === 5 ? false : [false, true]],
  ['hasMany', [false, true]],
  ['iterator', ['value']],
];

const makeUnheardKeyv = (major: Major, options = {}) =>
  makeKeyv(major, store, { namespace: NAMESPACE, ...options });

const warningCodes = () =>
  warnings.mock.calls.map(([, options]) => (options as unknown as { code: string }).code);

describe.each(MAJORS)("%s with an 'error' listener and one dead server", (_title, major) => {
  let keyv: AnyKeyv;

  beforeEach(() => {
    keyv = openKeyv(major, { namespace: NAMESPACE }, store);
  });

  test.each(answersOf(major))('%s emits one error and returns %j', async (call, answer) => {
    expect(await CALLS[call](keyv)).toEqual(answer);
    expect(takeErrorCodes()).toEqual([codeOf(call)]);
    expect(warningCodes()).toEqual([]);
  });

  test('clear() clears the other server', async () => {
    await keyv.clear();
    expect(await keyv.get(keptKey)).toBeUndefined();
    expect(takeErrorCodes()).toEqual(['DREDIS_CLEAR_INCOMPLETE']);
  });

  test("iterator() yields the other server's entries", async () => {
    expect(await entriesOf(keyv)).toEqual([[keptKey, 'value']]);
    expect(takeErrorCodes()).toEqual(['DREDIS_NODE_UNAVAILABLE']);
  });
});

describe("Keyv 5 without an 'error' listener and one dead server", () => {
  test.each(answersOf(5))('%s returns %j without a rejection or a warning', async (call, answer) => {
    expect(await CALLS[call](makeUnheardKeyv(5))).toEqual(answer);
    expect(warningCodes()).toEqual([]);
  });

  test('with throwOnErrors, writes reject and a call over both servers returns a result', async () => {
    const keyv = makeUnheardKeyv(5, { throwOnErrors: true });
    const unavailable = { code: 'DREDIS_NODE_UNAVAILABLE', node: dead };
    expect(await keyv.getMany([lostKey, keptKey])).toEqual([undefined, 'value']);
    expect(await rejection(keyv.set(lostKey, 'value'))).toMatchObject(unavailable);
    expect(await rejection(keyv.delete(lostKey))).toMatchObject(unavailable);
    expect(await rejection(keyv.clear())).toMatchObject({ code: 'DREDIS_CLEAR_INCOMPLETE', nodes: [dead] });
  });
});

describe("Keyv 6 without an 'error' listener and one dead server", () => {
  // If Keyv checks for expired values, its has() calls the store's get().
  test.each(SINGLE_CALLS)("%s rejects with the store's error, without a warning", async (call) => {
    expect(await rejection(CALLS[call](makeUnheardKeyv(6)))).toMatchObject({
      code: codeOf(call),
      ...(call === 'clear' ? { nodes: [dead] } : { node: dead }),
    });
    expect(warningCodes()).toEqual([]);
  });

  test.each(answersOf(6).filter(([call]) => MULTI_CALLS.includes(call)))(
    '%s returns %j and emits one process warning for several calls',
    async (call, answer) => {
      const keyv = makeUnheardKeyv(6);
      expect(await CALLS[call](keyv)).toEqual(answer);
      // Keyv 6 has no listener to forward the store's error to, so it throws the error into the store.
      expect(warningCodes()).toEqual(['DREDIS_NODE_UNAVAILABLE']);
      expect(warnings.mock.calls[0]?.[0]).toContain(dead);
      await CALLS[call](keyv);
      expect(warningCodes()).toHaveLength(1);
    },
  );
});

describe('a store without Keyv and one dead server', () => {
  test.each([...SINGLE_CALLS, ...MULTI_CALLS])(
    "%s either rejects or emits one error if there is an 'error' listener",
    async (call) => {
      const errors = errorsOf(store);
      const rejected = await CALLS[call](store as unknown as AnyKeyv).then(
        () => [],
        (error) => [error.code],
      );
      expect([...rejected, ...errors.map(({ code }) => code)]).toEqual([codeOf(call)]);
    },
  );

  test.each(SINGLE_CALLS)("%s rejects without a warning if there is no 'error' listener", async (call) => {
    expect((await rejection(CALLS[call](store as unknown as AnyKeyv))).code).toBe(codeOf(call));
    expect(warningCodes()).toEqual([]);
  });

  test.each(MULTI_CALLS)(
    "%s emits one process warning for several calls if there is no 'error' listener",
    async (call) => {
      await CALLS[call](store as unknown as AnyKeyv);
      await CALLS[call](store as unknown as AnyKeyv);
      expect(warningCodes()).toEqual(['DREDIS_NODE_UNAVAILABLE']);
    },
  );
});

test("an async 'error' listener that rejects causes a process warning, not an unhandled rejection", async () => {
  store.on('error', async () => {
    throw new Error('from the listener');
  });
  await store.getMany([lostKey]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(warnings.mock.calls).toEqual([
    [
      "A listener of 'error' threw: from the listener",
      { type: 'DRedisWarning', code: 'DREDIS_LISTENER_THREW' },
    ],
  ]);
});
