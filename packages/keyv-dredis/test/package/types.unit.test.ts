import { expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { Keyv, type KeyvStorageAdapter } from 'keyv';
import { Keyv as Keyv5, type KeyvStoreAdapter } from 'keyv5';
import { createClient, createClientPool, createSentinel, defineScript, type RedisClientType } from 'redis';
import {
  createKeyv,
  type DRedisError,
  type DRedisErrorCode,
  DRedisStore,
  type DRedisStoreOptions,
  InvalidOptionError,
  type KeyLocation,
  type Location,
  type Locations,
  type StoredValue,
  type StoreEntry,
} from '../../src/index.js';

// This file mainly tests types: `pnpm check` compiles it with tsc. Jest also runs the code, and checks that
// the constructor refuses the arguments that the compiler refuses.

/** Compiles only if both types are the same. */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : ['not the same', A, B];
const same = <A, B>(_proof: Same<A, B>): void => undefined;

const store = new DRedisStore('localhost', { namespace: 'types' });

test('a store has the type that Keyv 5 and Keyv 6 expect, without a cast', async () => {
  const adapter6: KeyvStorageAdapter = store;
  const adapter5: KeyvStoreAdapter = store;
  expect(new Keyv(adapter6).store).toBe(store);
  expect(new Keyv({ store }).store).toBe(store);
  expect(new Keyv5(adapter5).store).toBe(store);
  expect(new Keyv5({ store }).store).toBe(store);
  const keyv: Keyv = createKeyv('localhost', { namespace: 'types' });
  await keyv.disconnect();
});

test("the store's methods have the expected parameter and return types", () => {
  interface User {
    readonly name: string;
  }
  const keys: readonly string[] = ['a'];
  const entries: readonly StoreEntry[] = [{ key: 'a', value: 'b', expires: undefined }];
  // The functions are not called, because nothing may be sent.
  const results = {
    get: () => store.get('a'),
    getAs: () => store.get<User>('a'),
    getMany: () => store.getMany(keys),
    getManyAs: () => store.getMany<User>(keys),
    set: () => store.set('a', Buffer.from('b'), Date.now()),
    setMany: async (): Promise<boolean[]> => store.setMany(entries),
    setMany5: async (): Promise<void> => store.setMany(entries),
    deleteMany: async (): Promise<boolean[]> => store.deleteMany(keys),
    deleteMany5: async (): Promise<boolean> => store.deleteMany(keys),
    hasMany: () => store.hasMany(keys),
    clear: () => store.clear(),
    incr: ({ client, key }: KeyLocation) => client.incr(key),
    iterate: async () => {
      for await (const [key, value] of store.iterator<User>()) return [key, value] as const;
      return undefined;
    },
    fork: () => store.withNamespace('other'),
    updateNodes: () => store.updateNodes(['a', 'b'] as const),
  };
  type Result<Name extends keyof typeof results> = Awaited<ReturnType<(typeof results)[Name]>>;
  same<Result<'get'>, StoredValue | undefined>(true);
  same<Result<'getAs'>, User | undefined>(true);
  same<Result<'getMany'>, (StoredValue | undefined)[]>(true);
  same<Result<'getManyAs'>, (User | undefined)[]>(true);
  same<Result<'set'>, boolean>(true);
  same<Result<'hasMany'>, boolean[]>(true);
  same<Result<'clear'>, void>(true);
  same<Result<'incr'>, number>(true);
  same<Result<'iterate'>, readonly [string, User] | undefined>(true);
  same<Result<'fork'>, DRedisStore>(true);
  same<Result<'updateNodes'>, void>(true);
  same<typeof store.nodes, readonly string[]>(true);
  same<typeof store.namespace, string | undefined>(true);
  same<KeyLocation['client'], RedisClientType>(true);
});

test('events have typed names and arguments', () => {
  const seen: unknown[] = [];
  const own = new DRedisStore('localhost');
  const chained: DRedisStore = own
    .on('error', (error) => {
      same<typeof error, DRedisError>(true);
      same<typeof error.code, DRedisErrorCode>(true);
      same<typeof error.node, string | undefined>(true);
      seen.push(error);
    })
    .on('node:down', (node, error) => {
      same<[typeof node, typeof error], [string, DRedisError]>(true);
      seen.push(node, error);
    })
    .once('node:up', (node) => {
      same<typeof node, string>(true);
      seen.push(node);
    });
  expect(chained).toBe(own);
  // @ts-expect-error there is no such event
  own.on('node:gone', () => undefined);
  // @ts-expect-error there is no such event for once() either
  own.once('node:gone', () => undefined);
  // @ts-expect-error a node is given as a name
  own.on('node:up', (node: number) => node);
  // @ts-expect-error the event has other arguments
  own.emit('node:up', 1);
  expect(seen).toEqual([1]);
});

test('readonly properties cannot be assigned', () => {
  const assign = () => {
    // @ts-expect-error use updateNodes() to change nodes
    store.nodes = [];
  };
  expect(assign).toThrow(TypeError);
});

test('the constructor refuses options that the compiler refuses', () => {
  const refused: (() => DRedisStore)[] = [
    // @ts-expect-error the name must include the unit
    () => new DRedisStore('h', { commandTimeout: 500 }),
    // @ts-expect-error this is another adapter's option
    () => new DRedisStore('h', { keyPrefixSeparator: '::' }),
    // @ts-expect-error must be a number
    () => new DRedisStore('h', { commandTimeoutMs: '500' }),
    // @ts-expect-error must be a number
    () => new DRedisStore('h', { scanCount: true }),
    // @ts-expect-error must be a string
    () => new DRedisStore('h', { namespace: 1 }),
    // @ts-expect-error must be 'default' or 'raw'
    () => new DRedisStore('h', { keyFormat: true }),
    // @ts-expect-error must be a number
    () => new DRedisStore('h', { database: '2' }),
    // @ts-expect-error must be true, false or an object
    () => new DRedisStore('h', { tls: 'yes' }),
    // @ts-expect-error the password has a separate option
    () => new DRedisStore('h', { clientOptions: { password: 'secret' } }),
    // @ts-expect-error the namespace has a separate option
    () => new DRedisStore('h', { clientOptions: { keyPrefix: 'k' } }),
    // @ts-expect-error options must be an object
    () => new DRedisStore('h', 'namespace'),
  ];
  for (const construct of refused) expect(construct).toThrow(InvalidOptionError);
  // @ts-expect-error createKeyv() refuses the option, too
  expect(() => createKeyv('h', { commandTimeout: 500 })).toThrow(InvalidOptionError);
});

test('the constructor refuses locations that the compiler refuses', () => {
  const ioredis = new Redis({ lazyConnect: true });
  const refused: (() => DRedisStore)[] = [
    // @ts-expect-error must be a list or a string
    () => new DRedisStore(6379),
    // @ts-expect-error a location in a list must not be a number
    () => new DRedisStore([6379]),
    // @ts-expect-error a location as an object must be in a list
    () => new DRedisStore({ host: 'h' }),
    // @ts-expect-error must be a number
    () => new DRedisStore([{ host: 'h', port: '6379' }]),
    // @ts-expect-error there is no such field
    () => new DRedisStore([{ hostname: 'h' }]),
    // @ts-expect-error must be a number
    () => new DRedisStore([{ host: 'h', weight: '2' }]),
    // @ts-expect-error this is another library's client
    () => new DRedisStore([ioredis]),
    // @ts-expect-error a factory must be synchronous
    () => new DRedisStore([async () => createClient()]),
    // @ts-expect-error a factory must return a client
    () => new DRedisStore([() => 'localhost:6379']),
    // @ts-expect-error a client must not be a string
    () => new DRedisStore([{ name: 'n', client: 'localhost:6379' }]),
  ];
  for (const construct of refused) expect(construct).toThrow(InvalidOptionError);
  ioredis.disconnect();
});

test('options and locations may be readonly, undefined, or stored in variables', async () => {
  const options: DRedisStoreOptions = {
    namespace: undefined,
    password: process.env['THERE_IS_NO_SUCH_VARIABLE'],
    commandTimeoutMs: undefined,
    tls: { ca: 'certificate' },
    clientOptions: { RESP: 2, socket: { keepAlive: true } },
  };
  const locations = [
    'a:6379',
    { host: 'b', port: 6379, name: undefined, weight: 2 },
    { url: 'rediss://c', password: undefined },
    { path: '/run/redis.sock' },
  ] as const;
  const made = new DRedisStore(locations, options);
  expect(made.nodes).toEqual(['a:6379', 'b:6379', 'c:6379', 'unix:/run/redis.sock']);
  await made.disconnect();
});

test("locations may be any kind of client, with node-redis' types", async () => {
  const plain: RedisClientType = createClient({ socket: { host: 'plain' } });
  const scripts = {
    twice: defineScript({
      SCRIPT: 'return ARGV[1] * 2',
      NUMBER_OF_KEYS: 0,
      parseCommand: (parser, value: string) => parser.push(value),
      transformReply: undefined as unknown as () => number,
    }),
  };
  const withScripts = createClient({ socket: { host: 'scripts' }, scripts });
  const bare: Location = createClient({ socket: { host: 'bare' }, modules: {} });
  const factory: Location = () => createClient({ socket: { host: 'factory' } });
  const pool = createClientPool({ scripts });
  const sentinel = createSentinel({ name: 'group', sentinelRootNodes: [{ host: 's', port: 1 }] });
  const locations: Locations = [
    plain,
    withScripts,
    bare,
    factory,
    () => createClient({ socket: { host: 'factory-of-scripts' }, scripts }),
    { name: 'plain of a name', client: createClient() },
    { name: 'pool', client: pool },
    { name: 'factory of a pool', client: () => createClientPool() },
    { name: 'sentinel', client: sentinel, weight: 2 },
    { name: 'factory of a sentinel', client: () => sentinel },
  ];
  const made = new DRedisStore(locations);
  expect(made.nodes).toHaveLength(10);
  await made.disconnect();
});
