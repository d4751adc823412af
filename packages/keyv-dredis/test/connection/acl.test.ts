import { readFile } from 'node:fs/promises';
import { inspect } from 'node:util';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import type { RedisServer, RedisServers } from 'redis-launcher';
import { PREFIX_LISTS_KEY, RUN_ID_KEY, TOPOLOGY_KEY } from '../../src/format/reserved-keys.js';
import {
  CommandFailedError,
  type DRedisError,
  type DRedisStore,
  type DRedisStoreOptions,
} from '../../src/index.js';
import { formatRecord, fingerprintOf as recordFingerprint } from '../../src/membership/record.js';
import {
  DEADLINE_MS,
  entriesOf,
  errorsOf,
  expectEveryOperation,
  keysOf,
  MAJORS,
  onCleanUp,
  openKeyv,
  openStoreOver,
  recordedNodes,
  rejection,
  startServers,
  until,
} from '../support/index.js';

// The tests use the ACL user from docs/security.md. This user may use one namespace. On these servers, only
// this user and an administrator have permissions.

const page = await readFile(new URL('../../../../docs/security.md', import.meta.url), 'utf8');
const [SETUSER = ''] = /^ACL SETUSER .*$/m.exec(page) ?? [];
const [, , username = '', ...rules] = SETUSER.split(' ');
const password = rules.find((rule) => rule.startsWith('>'))?.slice(1) as string;
const namespace = rules.find((rule) => rule.startsWith('~'))?.slice(1, -':*'.length) as string;

const ADMIN = 'admin';
const ADMIN_PASSWORD = 'of-the-admin';
const ADVICE = '(give the ACL user the keys and commands that docs/security.md lists)';

let redis: RedisServers;
let admins: Awaited<ReturnType<typeof connectAdmin>>[];

beforeAll(async () => {
  const admin = ['--user', ADMIN, 'on', `>${ADMIN_PASSWORD}`, 'allkeys', 'allchannels', '+@all'];
  redis = await startServers({ count: 3, args: [...admin, '--user', 'default', 'off'] });
  admins = await Promise.all(redis.locations.map(connectAdmin));
});

beforeEach(async () => {
  await onEachServer('FLUSHALL');
  await setUser(['reset', ...rules]);
});

async function connectAdmin(location: string) {
  const client = createClient({ url: `redis://${ADMIN}:${ADMIN_PASSWORD}@${location}` });
  client.on('error', () => undefined);
  await client.connect();
  onCleanUp(() => client.destroy());
  return client;
}

const onEachServer = (...command: string[]) => Promise.all(admins.map((each) => each.sendCommand(command)));

const setUser = (to: readonly string[]) => onEachServer('ACL', 'SETUSER', username, ...to);

const open = (options?: DRedisStoreOptions) =>
  openStoreOver(redis.locations, {
    connectTimeoutMs: 25_000,
    commandTimeoutMs: 25_000,
    username,
    password,
    namespace,
    ...options,
  });

describe.each(MAJORS)(
  'every operation of %s works for the ACL user from docs/security.md',
  (_title, major) => {
    test.each<[string, DRedisStoreOptions]>([
      ['with RESP 3, which uses HELLO', {}],
      ['with RESP 2, which uses AUTH', { clientOptions: { RESP: 2 } }],
    ])('%s', async (_name, options) => {
      await expectEveryOperation(openKeyv(major, { namespace }, open(options)), major);
    });
  },
);

test('clear() and iterator() do not reach other namespaces if the ACL user may use only one', async () => {
  const store = open();
  const mine = [...Array(20).keys()].map((index) => ({ key: `${index}`, value: 'mine' }));
  await store.setMany(mine);
  await onEachServer('MSET', 'other:key', 'theirs', `${namespace}s:key`, 'theirs');
  expect(await entriesOf(store)).toHaveLength(mine.length);
  await store.clear();
  const left = (await Promise.all(admins.map((each) => each.keys('*')))).map((keys) =>
    keys.filter((key) => !key.startsWith('%dredis:')).sort(),
  );
  expect(left).toEqual(admins.map(() => [`${namespace}s:key`, 'other:key']));
});

test('docs/security.md lists exactly the commands that a store sends', async () => {
  await onEachServer('CONFIG', 'RESETSTAT');
  // For has(), Keyv 6 calls the store's get().
  for (const [, major] of MAJORS) {
    const store = open();
    await expectEveryOperation(openKeyv(major, { namespace }, store), major);
    await store.disconnect();
  }

  await moveEntries();
  await onEachServer('FLUSHALL');
  await failOver();
  await restart();

  const counted = (await onEachServer('INFO', 'commandstats'))
    .join('\n')
    .matchAll(/^cmdstat_([^:]+):calls=[1-9]/gm);
  const sent = new Set([...counted].map(([, name]) => name as string));
  // These commands were sent before authentication, or by the administrator.
  const others = /^(hello|auth|config\|resetstat|client\|setinfo|flushall)$/;
  const listed = rules.filter((rule) => rule.startsWith('+')).map((rule) => rule.slice(1));
  expect([...sent].filter((name) => !others.test(name)).sort()).toEqual(listed.sort());
});

/** Uses a store while a node goes away, misses a write, and returns. */
async function failOver(): Promise<void> {
  const [server] = redis.servers as [RedisServer];
  const store = open({ commandTimeoutMs: DEADLINE_MS, connectTimeoutMs: DEADLINE_MS, leaseMs: 100 });
  await store.connect();
  const statesOf = () => store.status().topology.states;
  const [lost] = keysOf(store, server.location, 1) as [string];
  await server.pause();
  await until(async () => {
    await store.get(lost).catch(() => undefined);
    return statesOf()[server.location] === 'away';
  });
  // So many that the store looks how long the log is.
  const all = [lost, ...keysOf(store, server.location, 1_000)].map((key) => ({ key, value: 'value' }));
  await store.setMany(all);
  await server.resume();
  await until(
    async () => Object.keys(statesOf()).length === 0 && store.status().topology.phase === 'settled',
  );
  expect(await store.get(lost)).toBe('value');
  await store.disconnect();
}

/** Uses servers that have restarted since a store used them. */
async function restart(): Promise<void> {
  await onEachServer('SET', RUN_ID_KEY, 'earlier - -');
  await onEachServer('SADD', PREFIX_LISTS_KEY, 'earlier');
  const store = open();
  await store.connect();
  await store.disconnect();
}

/** Uses a store while entries move between two rings. */
async function moveEntries(): Promise<void> {
  const store = open();
  const entries = ['short', 'x'.repeat(100_000)].flatMap((value, size) =>
    [...Array(40).keys()].map((index) => ({
      key: `${size}-${index}`,
      value,
      ...(index % 2 === 0 && { expires: Date.now() + 600_000 }),
    })),
  );
  await store.setMany(entries);
  const before = recordedNodes(redis.locations);
  const after = before.map((node, index) => ({ ...node, weight: index === 0 ? 1 : 8 }));
  const moving = { epoch: 1, cache: 'c', phase: 'moving', nodes: after, previous: before } as const;
  const text = formatRecord({ ...moving, leaseMs: 1000, fingerprint: recordFingerprint(after) });
  await onEachServer('SET', TOPOLOGY_KEY, text);
  expect(await store.getMany(entries.map(({ key }) => key))).toEqual(entries.map(({ value }) => value));
  expect(store.status().topology).toMatchObject({ mode: 'shared', epoch: 1, phase: 'moving' });
  // A server that has lost the record gets it from the store.
  await admins[0]?.sendCommand(['UNLINK', TOPOLOGY_KEY]);
  await until(async () => Number(await admins[0]?.sendCommand(['EXISTS', TOPOLOGY_KEY])) === 1);
  await store.setMany(entries);
  for (const { key } of entries.slice(0, 20)) expect(await store.has(key)).toBe(true);
  expect(await store.deleteMany(entries.slice(0, 20).map(({ key }) => key))).toEqual(Array(20).fill(true));
  expect(await entriesOf(store)).toHaveLength(60);
  await store.clear();
  await store.disconnect();
}

test('a database other than 0 needs permission for SELECT', async () => {
  const refused = open({ database: 3 });
  const error = await rejection(refused.get('key'));
  expect(error).toMatchObject({ code: 'DREDIS_NODE_UNAVAILABLE', node: refused.locate('key').node });
  expect(error.message).toMatch(/: NOPERM .*'select'/);
  expect(error.message.endsWith(ADVICE)).toBe(true);
  await setUser(['+select']);
  await expectEveryOperation(openKeyv(6, { namespace }, open({ database: 3 })), 6);
});

describe('in a namespace that the ACL user may not use,', () => {
  let store: DRedisStore;
  let errors: DRedisError[];
  let downs: string[];
  const keys = [...Array(20).keys()].map((index) => `key-${index}`);
  const theirs = keys.map((key) => `others:${key}`).sort();

  beforeEach(async () => {
    store = open({ namespace: 'others' });
    errors = errorsOf(store);
    downs = [];
    store.on('node:down', (name) => downs.push(name));
    for (const [index, location] of redis.locations.entries()) {
      const values = keysOf(store, location, 20).map((key) => [`others:${key}`, 'theirs']);
      await admins[index]?.sendCommand(['MSET', ...values.flat()]);
    }
  });

  async function expectNothingChanged(): Promise<void> {
    expect(store.status().nodes.map(({ state }) => state)).toEqual(redis.locations.map(() => 'up'));
    expect(downs).toEqual([]);
    const values = await onEachServer('MGET', ...theirs);
    const left = theirs.map((_key, index) => values.map((each) => (each as unknown as string[])[index]));
    // Each key is still on exactly one server, with its value unchanged.
    expect(left.flat().filter((value) => value !== null)).toEqual(theirs.map(() => 'theirs'));
  }

  function expectRefusal(error: DRedisError, node = error.node): void {
    expect(redis.locations).toContain(node);
    expect(error).toBeInstanceOf(CommandFailedError);
    expect(error).toMatchObject({ code: 'DREDIS_COMMAND_FAILED', node });
    expect(error.message.startsWith(`Node ${error.node} refused a command: NOPERM `)).toBe(true);
    expect(error.message.endsWith(ADVICE)).toBe(true);
    expect((error.cause as Error).message).toMatch(/^NOPERM/);
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(password);
  }

  test.each<[string, (key: string) => Promise<unknown>]>([
    ['get', (key) => store.get(key)],
    ['set', (key) => store.set(key, 'mine')],
    ['set with an expiry', (key) => store.set(key, 'mine', Date.now() + 60_000)],
    ['delete', (key) => store.delete(key)],
    ['has', (key) => store.has(key)],
  ])("%s rejects with the server's refusal", async (_name, call) => {
    const [key] = keys as [string];
    expectRefusal(await rejection(call(key)), store.locate(key).node);
    expect(errors).toEqual([]);
    await expectNothingChanged();
  });

  const expires = Date.now() + 600_000;

  test.each<[string, () => Promise<unknown>, answer: unknown]>([
    ['getMany', () => store.getMany(keys), undefined],
    ['setMany', () => store.setMany(keys.map((key) => ({ key, value: 'mine' }))), false],
    [
      'setMany with expiries',
      () => store.setMany(keys.map((key) => ({ key, value: 'mine', expires }))),
      false,
    ],
    ['deleteMany', () => store.deleteMany(keys), false],
    ['hasMany', () => store.hasMany(keys), false],
  ])('%s returns a result for every key and emits one error per server', async (_name, call, answer) => {
    expect(await call()).toEqual(keys.map(() => answer));
    expect(errors.map(({ node }) => node).sort()).toEqual([...redis.locations].sort());
    for (const error of errors) expectRefusal(error);
    await expectNothingChanged();
  });

  test('clear() rejects with one refusal per server', async () => {
    const error = await rejection(store.clear());
    expect(error.code).toBe('DREDIS_CLEAR_INCOMPLETE');
    const { errors: each } = error as unknown as { errors: DRedisError[] };
    expect(each.map(({ node }) => node).sort()).toEqual([...redis.locations].sort());
    for (const refusal of each) expectRefusal(refusal);
    await expectNothingChanged();
  });

  test('iterator() yields nothing and emits one error per server', async () => {
    expect(await entriesOf(store)).toEqual([]);
    expect(errors.map(({ node }) => node).sort()).toEqual([...redis.locations].sort());
    for (const error of errors) expectRefusal(error);
    await expectNothingChanged();
  });

  test('a refused call does not affect calls in another namespace', async () => {
    await rejection(store.get('key'));
    expect(await store.withNamespace(namespace).get('none')).toBeUndefined();
    await expectNothingChanged();
  });
});
