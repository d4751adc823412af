import { describe, expect, jest, test } from '@jest/globals';
import {
  expectEveryOperation,
  MAJORS,
  nextEvent,
  onCleanUp,
  openKeyv,
  openStore,
  openStoreOver,
  rejection,
  sharedRedis,
  startServer,
} from '../support/index.js';

// No test here advances the fake time, so a timer of the store that is fake never fires. package.test.ts runs
// the same set-ups in Jest and Vitest with the packed store.

type FakeTimers = NonNullable<Parameters<typeof jest.useFakeTimers>[0]>;

/** Replaces the timers until the clean-up, which begins with this step. */
function fakeTimers(options: FakeTimers): void {
  jest.useFakeTimers(options);
  onCleanUp(() => jest.useRealTimers());
}

/** The set-up that docs/integrations.md names. */
const DOCUMENTED: FakeTimers = { doNotFake: ['setImmediate'] };

describe.each(MAJORS)("under Jest's fake timers with a real setImmediate, %s", (_title, major) => {
  test('connects and works', async () => {
    const keyv = openKeyv(major, { namespace: 'fake-timers' }, openStore());
    fakeTimers(DOCUMENTED);
    await expectEveryOperation(keyv, major);
  });

  test('stores an entry that lives as long as its TTL, although the faked date is long past', async () => {
    await sharedRedis.keys('');
    const keyv = openKeyv(major, { namespace: 'fake-timers' }, openStore());
    fakeTimers({ ...DOCUMENTED, now: Date.UTC(2001) });
    await keyv.set('key', 'value', 60_000);
    expect(await keyv.get('key')).toBe('value');
    const ttlMs = await sharedRedis.ttlMs('fake-timers:key');
    expect(ttlMs).toBeGreaterThan(0);
    expect(ttlMs).toBeLessThanOrEqual(60_000);
    jest.setSystemTime(Date.UTC(2001) + 60_001);
    expect(await keyv.get('key')).toBeUndefined();
  });
});

test("under Jest's fake timers with a real setImmediate, a store uses a killed server again once it is back", async () => {
  const server = await startServer();
  const store = openStoreOver([server.location]);
  fakeTimers(DOCUMENTED);
  expect(await store.set('key', 'value')).toBe(true);
  const down = nextEvent(store, 'node:down');
  await server.kill();
  await down;
  expect(await rejection(store.get('key'))).toMatchObject({ code: 'DREDIS_NODE_UNAVAILABLE' });
  const up = nextEvent(store, 'node:up');
  await server.start();
  await up;
  expect(await store.set('key', 'value')).toBe(true);
});

// node-redis uses setImmediate at the time of the call, so it sends nothing.
test("with all of Jest's fake timers, a get fails at its deadline instead of hanging", async () => {
  const store = openStore({ commandTimeoutMs: 300, connectTimeoutMs: 300, disconnectTimeoutMs: 100 });
  fakeTimers({});
  expect(await rejection(store.get('key'))).toMatchObject({ code: 'DREDIS_COMMAND_TIMEOUT' });
  await store.disconnect();
});
