import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { type RedisServers, startRedis } from 'redis-launcher';
import { DRedisStore } from '../../src/index.js';
import { type AnyKeyv, entriesOf, MAJORS, makeKeyv } from '../support/keyvs.js';

// Of two servers one is dead. Whatever is asked, each failure is told once: by an event or a rejection.
let servers: RedisServers;
let dead: string;
let store: DRedisStore;

beforeAll(async () => {
  servers = await startRedis({ count: 2 });
  const [, second] = servers.servers;
  await second?.kill();
  dead = second?.location as string;
});

afterAll(() => servers.stop());

beforeEach(() => {
  store = new DRedisStore([...servers.locations], { namespace: 'errors' });
});

afterEach(() => store.disconnect());

/** One key on each server. */
function keys(): { lost: string; kept: string } {
  const all = Array.from({ length: 100 }, (_, index) => `key-${index}`);
  const of = (isDead: boolean) => all.find((key) => (store.locate(key).node === dead) === isDead) as string;
  return { lost: of(true), kept: of(false) };
}

describe.each(MAJORS)('%s', (_title, major) => {
  let keyv: AnyKeyv;
  let told: unknown[];
  let lost: string;
  let kept: string;

  beforeEach(async () => {
    keyv = makeKeyv(major, store, { namespace: 'errors' });
    told = [];
    keyv.on('error', (error) => told.push((error as { code?: string }).code));
    ({ lost, kept } = keys());
    await keyv.set(kept, 'value');
    expect(told).toEqual([]);
  });

  const oneUnavailable = ['DREDIS_NODE_UNAVAILABLE'];

  const calls: [call: string, run: () => Promise<unknown>, answer: unknown][] = [
    ['get', () => keyv.get(lost), undefined],
    ['has', () => keyv.has(lost), false],
    ['set', () => keyv.set(lost, 'value'), false],
    ['delete', () => keyv.delete(lost), false],
    ['getMany', () => keyv.getMany([lost, kept, lost]), [undefined, 'value', undefined]],
    ['hasMany', () => keyv.hasMany([lost, kept]), [false, true]],
    ['setMany', () => keyv.setMany([lost, kept].map((key) => ({ key, value: 'value' }))), [false, true]],
    ['deleteMany', () => keyv.deleteMany([lost, kept]), major === 5 ? false : [false, true]],
    ['iterator', () => entriesOf(keyv).then(() => 'ended'), 'ended'],
  ];

  test.each(calls)('%s tells of a dead server once', async (_call, run, answer) => {
    expect(await run()).toEqual(answer);
    expect(told).toEqual(oneUnavailable);
  });

  test('clear tells once that it is incomplete', async () => {
    expect(await keyv.clear()).toBeUndefined();
    expect(told).toEqual(['DREDIS_CLEAR_INCOMPLETE']);
    expect(await keyv.get(kept)).toBeUndefined();
  });

  test('iterator yields what the other server has', async () => {
    expect(await entriesOf(keyv)).toEqual([[kept, 'value']]);
  });

  test.each(calls)('%s on the store alone rejects or tells, not both and not neither', async (call) => {
    const alone = new DRedisStore([...servers.locations], { namespace: 'errors' });
    const errors: unknown[] = [];
    alone.on('error', (error) => errors.push(error.code));
    const run: Record<string, () => Promise<unknown>> = {
      get: () => alone.get(lost),
      has: () => alone.has(lost),
      set: () => alone.set(lost, 'value'),
      delete: () => alone.delete(lost),
      getMany: () => alone.getMany([lost, kept]),
      hasMany: () => alone.hasMany([lost, kept]),
      setMany: () => alone.setMany([lost, kept].map((key) => ({ key, value: 'value' }))),
      deleteMany: () => alone.deleteMany([lost, kept]),
      iterator: () => entriesOf(alone as unknown as AnyKeyv),
    };
    try {
      const outcome = await run[call]?.().then(
        () => [],
        (error) => [error.code],
      );
      expect([...(outcome ?? []), ...errors]).toEqual(oneUnavailable);
    } finally {
      await alone.disconnect();
    }
  });
});

test('Keyv 6 that nobody listens to rejects a call, and no other one', async () => {
  const keyv = makeKeyv(6, store, { namespace: 'errors' });
  const { lost, kept } = keys();
  await expect(keyv.get(lost)).rejects.toMatchObject({ code: 'DREDIS_NODE_UNAVAILABLE', node: dead });
  // A part of a call cannot reject: the process is warned, and the rest is served.
  await keyv.set(kept, 'value');
  expect(await keyv.getMany([lost, kept])).toEqual([undefined, 'value']);
});

test('an async listener that rejects is warned of, and is no unhandled rejection', async () => {
  const warnings = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  try {
    store.on('error', async () => {
      throw new Error('from the listener');
    });
    await store.getMany([keys().lost]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings.mock.calls).toEqual([
      [
        "A listener of 'error' threw: from the listener",
        { type: 'DRedisWarning', code: 'DREDIS_LISTENER_THREW' },
      ],
    ]);
  } finally {
    warnings.mockRestore();
  }
});
