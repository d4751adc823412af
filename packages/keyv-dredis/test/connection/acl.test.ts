import { readFile } from 'node:fs/promises';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { type RedisServers, startRedis } from 'redis-launcher';
import {
  CommandFailedError,
  type DRedisError,
  DRedisStore,
  type DRedisStoreOptions,
} from '../../src/index.js';
import { DEADLINE_MS } from '../support/deadlines.js';
import { expectEveryOperation } from '../support/every-operation.js';
import { type AnyKeyv, entriesOf, MAJORS, makeKeyv } from '../support/keyvs.js';
import { errorsOf, keysOf, nextEvent, rejection, timeOut } from '../support/stores.js';

// A user that may only touch one namespace, set up by the very line of the README, on servers where nobody
// else may do anything but the administrator.

const readme = await readFile(new URL('../../../../README.md', import.meta.url), 'utf8');
const [SETUSER = ''] = /^ACL SETUSER .*$/m.exec(readme) ?? [];
const [, , username = '', ...rules] = SETUSER.split(' ');
const password = rules.find((rule) => rule.startsWith('>'))?.slice(1) as string;
const namespace = rules.find((rule) => rule.startsWith('~'))?.slice(1, -':*'.length) as string;

const ADMIN = 'admin';
const ADMIN_PASSWORD = 'of-the-admin';
const ADVICE = '(give the ACL user the keys and commands that docs/security.md lists)';

const clientOf = (location: string, user: string, secret: string) =>
  createClient({ url: `redis://${user}:${secret}@${location}`, socket: { reconnectStrategy: 20 } }).on(
    'error',
    () => undefined,
  );
type Client = ReturnType<typeof clientOf>;

let redis: RedisServers;
let admins: Client[];
const stores: DRedisStore[] = [];

beforeAll(async () => {
  const admin = ['--user', ADMIN, 'on', `>${ADMIN_PASSWORD}`, 'allkeys', 'allchannels', '+@all'];
  redis = await startRedis({ count: 2, args: [...admin, '--user', 'default', 'off'] });
  admins = redis.locations.map((location) => clientOf(location, ADMIN, ADMIN_PASSWORD));
  await Promise.all(admins.map((each) => each.connect()));
});

beforeEach(() => setUser(rules));

afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.disconnect()));
  await Promise.all(redis.servers.map((server) => server.resume()));
  await onEachServer('FLUSHALL');
});

afterAll(async () => {
  await Promise.all(admins?.map((each) => each.close()) ?? []);
  await redis?.stop();
});

const onEachServer = (...command: string[]) => Promise.all(admins.map((each) => each.sendCommand(command)));

const setUser = (to: readonly string[]) => onEachServer('ACL', 'SETUSER', username, ...to);

function makeStore(options?: DRedisStoreOptions): DRedisStore {
  const deadlines = { connectTimeoutMs: 25_000, commandTimeoutMs: 25_000 };
  const store = new DRedisStore(redis.locations, { ...deadlines, username, password, namespace, ...options });
  stores.push(store);
  return store;
}

describe.each(MAJORS)('%s does all that it can for that user', (_title, major) => {
  test.each<[string, DRedisStoreOptions]>([
    ['with HELLO', {}],
    ['with AUTH, as in RESP 2', { clientOptions: { RESP: 2 } }],
  ])('%s', async (_name, options) => {
    const errors: unknown[] = [];
    const keyv = makeKeyv(major, makeStore(options), { namespace });
    keyv.on('error', (error) => errors.push(error));
    await expectEveryOperation(keyv, major);
    expect(errors).toEqual([]);
  });
});

test('clear() and iterator() keep to the namespace', async () => {
  const store = makeStore();
  const mine = [...Array(20).keys()].map((index) => ({ key: `${index}`, value: 'mine' }));
  await store.setMany(mine);
  await onEachServer('MSET', 'other:key', 'theirs', `${namespace}s:key`, 'theirs');
  expect(await entriesOf(store as unknown as AnyKeyv)).toHaveLength(mine.length);
  await store.clear();
  const left = (await Promise.all(admins.map((each) => each.keys('*')))).map((keys) =>
    keys.filter((key) => !key.startsWith('%dredis:')).sort(),
  );
  expect(left).toEqual(admins.map(() => [`${namespace}s:key`, 'other:key']));
});

test('the README lists the commands that a store sends, and no others', async () => {
  await onEachServer('CONFIG', 'RESETSTAT');
  // Of Keyv 6 a store hears no has(): it reads the value, for its expiry.
  for (const [, major] of MAJORS) {
    await expectEveryOperation(makeKeyv(major, makeStore(), { namespace }), major);
  }

  // Away and back, with something to make good.
  const [server] = redis.servers as [RedisServers['servers'][number]];
  const store = makeStore({ commandTimeoutMs: DEADLINE_MS, connectTimeoutMs: DEADLINE_MS });
  await store.connect();
  const down = nextEvent(store, 'node:down');
  await server.pause();
  const [lost] = keysOf(store, server.location, 1) as [string];
  await timeOut(store, lost);
  await down;
  await rejection(store.set(lost, 'value'));
  const up = nextEvent(store, 'node:up');
  await server.resume();
  await up;
  await store.disconnect();

  const counted = (await onEachServer('INFO', 'commandstats'))
    .join('\n')
    .matchAll(/^cmdstat_([^:]+):calls=[1-9]/gm);
  const sent = new Set([...counted].map(([, name]) => name as string));
  // What is said before anybody is somebody, and what the administrator has sent.
  const others = /^(hello|auth|config\|resetstat|client\|setinfo)$/;
  const listed = rules.filter((rule) => rule.startsWith('+')).map((rule) => rule.slice(1));
  expect([...sent].filter((name) => !others.test(name)).sort()).toEqual(listed.sort());
});

test('a database other than 0 takes SELECT', async () => {
  const refused = makeStore({ database: 3 });
  const error = await rejection(refused.get('key'));
  expect(error).toMatchObject({ code: 'DREDIS_NODE_UNAVAILABLE', node: refused.locate('key').node });
  expect(error.message).toMatch(/: NOPERM .*'select'/);
  expect(error.message.endsWith(ADVICE)).toBe(true);
  await setUser(['+select']);
  await expectEveryOperation(makeKeyv(6, makeStore({ database: 3 }), { namespace }), 6);
});

describe('outside of its namespace', () => {
  let store: DRedisStore;
  let errors: DRedisError[];
  let downs: string[];
  const keys = [...Array(20).keys()].map((index) => `key-${index}`);
  const theirs = keys.map((key) => `others:${key}`).sort();

  beforeEach(async () => {
    store = makeStore({ namespace: 'others' });
    errors = errorsOf(store);
    downs = [];
    store.on('node:down', (name) => downs.push(name));
    for (const [index, location] of redis.locations.entries()) {
      const values = keysOf(store, location, 20).map((key) => [`others:${key}`, 'theirs']);
      await admins[index]?.sendCommand(['MSET', ...values.flat()]);
    }
  });

  afterEach(async () => {
    expect(downs).toEqual([]);
    const values = await onEachServer('MGET', ...theirs);
    const left = theirs.map((_key, index) => values.map((each) => (each as unknown as string[])[index]));
    // Each key is on one server only, and what it was.
    expect(left.flat().filter((value) => value !== null)).toEqual(theirs.map(() => 'theirs'));
  });

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
  ])('%s rejects', async (_name, call) => {
    const [key] = keys as [string];
    expectRefusal(await rejection(call(key)), store.locate(key).node);
    expect(errors).toEqual([]);
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
  ])('%s tells one error per server', async (_name, call, answer) => {
    expect(await call()).toEqual(keys.map(() => answer));
    expect(errors.map(({ node }) => node).sort()).toEqual([...redis.locations].sort());
    for (const error of errors) expectRefusal(error);
  });

  test('clear() says that it is incomplete', async () => {
    const error = await rejection(store.clear());
    expect(error.code).toBe('DREDIS_CLEAR_INCOMPLETE');
    const { errors: each } = error as unknown as { errors: DRedisError[] };
    expect(each.map(({ node }) => node).sort()).toEqual([...redis.locations].sort());
    for (const refusal of each) expectRefusal(refusal);
  });

  test('iterator() yields nothing, and tells one error per server', async () => {
    expect(await entriesOf(store as unknown as AnyKeyv)).toEqual([]);
    expect(errors.map(({ node }) => node).sort()).toEqual([...redis.locations].sort());
    for (const error of errors) expectRefusal(error);
  });

  test('the connections are as good as before', async () => {
    await rejection(store.get('key'));
    expect(await store.withNamespace(namespace).get('key of nobody')).toBeUndefined();
  });
});
