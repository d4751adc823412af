import { readFile } from 'node:fs/promises';
import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { TOPOLOGY_KEY } from '../../src/format/reserved-keys.js';
import type { DRedisStoreOptions } from '../../src/index.js';
import { planChange, resumeChange } from '../../src/membership/change.js';
import type { Operator } from '../../src/membership/operator.js';
import {
  connectClient,
  errorsOf,
  keysOf,
  nextEvent,
  onCleanUp,
  openStoreOver,
  rejection,
  startServers,
  until,
} from '../support/index.js';
import { describeNodes, openOperator } from '../support/operators.js';

// The tests use the ACL users from docs/security.md.

const page = await readFile(new URL('../../../../docs/security.md', import.meta.url), 'utf8');
const lines = Array.from(page.matchAll(/^ACL (SETUSER (\w+) .*)$/gm), ([, line = '', name = '']) => [
  name,
  line,
]);
const SETUSERS: Readonly<Record<string, string>> = Object.fromEntries(lines);

const KEYS = Array.from({ length: 400 }, (_, number) => `key-${number}`);
const textOf = (key: string) => `value of ${key}`;

let locations: readonly string[];
let clients: Awaited<ReturnType<typeof connectClient>>[];
let warned: string[];

const login = (username: string): DRedisStoreOptions => ({
  username,
  password: 'password',
  namespace: 'app',
});
const openAs = (username: string, options: DRedisStoreOptions = {}) =>
  openStoreOver(locations.slice(0, 3), { ...login(username), ...options });

beforeEach(async () => {
  ({ locations } = await startServers({ count: 4 }));
  clients = await Promise.all(locations.map((location) => connectClient(location)));
  await Promise.all(
    clients.flatMap((client) =>
      Object.values(SETUSERS).map((line) => client.sendCommand(['ACL', ...line.split(' ')])),
    ),
  );
  warned = [];
  const spy = jest.spyOn(process, 'emitWarning').mockImplementation((message) => {
    warned.push(String(message));
  });
  onCleanUp(() => spy.mockRestore());
});

/** Commands and keys that the servers have refused, by user. */
async function refusals(): Promise<string[]> {
  const logs = await Promise.all(clients.map((client) => client.aclLog()));
  return [...new Set(logs.flat().map(({ username, object }) => `${username}: ${object}`))];
}

const openChange = (): Promise<Operator> => openOperator(locations.slice(0, 3), login('operator'));
const four = () => describeNodes(locations, login('operator'));

describe('the ACL users of docs/security.md', () => {
  test('are an app, an operator and a reader', () => {
    expect(Object.keys(SETUSERS)).toEqual(['app', 'operator', 'reader']);
  });

  test('let an operator change the topology, and an app follow it', async () => {
    const app = openAs('app');
    await app.setMany(KEYS.map((key) => ({ key, value: textOf(key) })));
    const wrong: unknown[] = [];
    let isDone = false;
    const work = async (offset: number) => {
      for (let turn = offset; !isDone; turn += 7) {
        const key = KEYS[turn % KEYS.length] as string;
        const value = await app.get(key);
        if (value !== textOf(key)) wrong.push({ key, value });
        await app.set(key, textOf(key));
      }
    };
    const workers = [work(0), work(1), work(2)];
    const summary = await (await planChange(await openChange(), four())).run({ maxKeysPerSecond: 500 });
    await until(() => app.status().topology.epoch === summary.epoch);
    isDone = true;
    await Promise.all(workers);
    expect(summary).toMatchObject({ epoch: 2, isStopped: false });
    expect(app.status().topology).toMatchObject({ mode: 'shared', phase: 'settled' });
    expect(wrong).toEqual([]);
    expect(await app.getMany(KEYS)).toEqual(KEYS.map(textOf));
    expect(await refusals()).toEqual([]);
    expect(warned).toEqual([]);
  });

  test('let a reader follow a change, but entries that have not moved yet are misses', async () => {
    const app = openAs('app');
    await app.setMany(KEYS.map((key) => ({ key, value: textOf(key) })));
    const reader = openAs('reader');
    const errors = errorsOf(reader);
    expect(await reader.getMany(KEYS)).toEqual(KEYS.map(textOf));
    // A change that moves nothing before it is stopped.
    const stop = new AbortController();
    const operator = await openChange();
    const plan = await planChange(operator, four());
    await plan.run({
      maxKeysPerSecond: 1,
      signal: stop.signal,
      onProgress: ({ phase }) => phase === 'moving' && stop.abort(),
    });
    await until(() => reader.status().topology.phase === 'moving');
    // No command of the reader moves an entry, so what the new server owns is missing until the change goes on.
    const isMoving = (key: string) => reader.locate(key).node === locations[3];
    expect(KEYS.filter(isMoving).length).toBeGreaterThan(20);
    expect(await reader.getMany(KEYS)).toEqual(KEYS.map((key) => (isMoving(key) ? undefined : textOf(key))));
    expect(errors).toEqual([]);
    await (await resumeChange(await openChange()))?.run();
    await until(() => reader.status().topology.epoch === 2);
    expect(await reader.getMany(KEYS)).toEqual(KEYS.map(textOf));
    expect((await refusals()).sort()).toEqual(['reader: eval', 'reader: sadd', 'reader: set']);
    expect(warned.every((text) => /'(sadd|set)' command/.test(text))).toBe(true);
  });

  test('let a store with the permissions of app and operator call reshard()', async () => {
    const rights = Object.values(SETUSERS).flatMap((line) => line.match(/\+\S+/g) ?? []);
    await Promise.all(clients.map((client) => client.sendCommand(['ACL', 'SETUSER', 'app', ...rights])));
    const app = openAs('app');
    await app.setMany(KEYS.map((key) => ({ key, value: textOf(key) })));
    expect(await app.reshard([...locations])).toMatchObject({ epoch: 2, isStopped: false });
    expect(await app.getMany(KEYS)).toEqual(KEYS.map(textOf));
    expect(await refusals()).toEqual([]);
  });

  test('let a reader neither write nor change the topology', async () => {
    const reader = openAs('reader');
    await reader.connect();
    expect(await rejection(reader.set('key', 'value'))).toMatchObject({ code: 'DREDIS_COMMAND_FAILED' });
    const error = await rejection(reader.reshard(locations));
    expect(error).toMatchObject({ code: 'DREDIS_CHANGE_REFUSED' });
    expect(error.message).toMatch(/does not let this user change the topology: NOPERM/);
    expect(reader.status().topology).toMatchObject({ mode: 'shared', epoch: 0 });
  });

  test('let a reader use a server that has lost the record once an app has written it again', async () => {
    const app = openAs('app');
    await app.setMany(KEYS.map((key) => ({ key, value: textOf(key) })));
    await (await planChange(await openChange(), four())).run();
    await app.disconnect();
    const reader = openAs('reader');
    await reader.connect();
    const [key] = keysOf(reader, locations[0] as string, 1) as [string];
    await clients[0]?.del(TOPOLOGY_KEY);
    expect((await rejection(reader.get(key))).node).toBe(locations[0]);
    const up = nextEvent(reader, 'node:up');
    await openAs('app').connect();
    await up;
    expect(await reader.getMany(KEYS)).toEqual(KEYS.map(textOf));
  });

  test('need CLIENT TRACKING: without it, a store keeps to its own locations, and warns if there is a record', async () => {
    await Promise.all(
      clients.map((client) => client.sendCommand(['ACL', 'SETUSER', 'app', '-client|tracking'])),
    );
    const before = openAs('app');
    await before.connect();
    expect(before.status().topology).toMatchObject({ mode: 'fixed', epoch: 0 });
    expect(before.status().topology.reason).toMatch(/^node \S+ refuses CLIENT TRACKING: NOPERM/);
    await before.disconnect();
    await (await planChange(await openChange(), four())).run();
    warned = [];
    await openAs('app').connect();
    expect(warned.filter((text) => /keeps to its own locations, because/.test(text))).toHaveLength(1);
  });
});
