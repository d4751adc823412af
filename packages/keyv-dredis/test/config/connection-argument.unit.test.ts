import { describe, expect, test } from '@jest/globals';
import { createClient, createClientPool, createCluster, createSentinel } from 'redis';
import { type ConnectionArgument, toConnection } from '../../src/config/connection-argument.js';
import { parseLocations } from '../../src/config/locations.js';
import { resolveOptions } from '../../src/config/validation.js';
import { InvalidOptionError } from '../../src/errors/errors.js';

/** The nodes that createKeyv() connects to: names, and options of the client that the store creates. */
function nodesOf(given: unknown) {
  const { locations = 'localhost:6379' } = toConnection(given as ConnectionArgument);
  return parseLocations(locations, resolveOptions()).map(({ name, source }) => ({
    name,
    ...(source.kind === 'options' ? { options: source.clientOptions } : { kind: source.kind }),
  }));
}

describe('createKeyv() connects to', () => {
  test.each<[unknown, string[]]>([
    [undefined, ['localhost:6379']],
    [null, ['localhost:6379']],
    [{}, ['localhost:6379']],
    ['redis://h', ['h:6379']],
    ['rediss://user:password@h:7/2', ['h:7/2']],
    ['a,b:2;redis://c', ['a:6379', 'b:2', 'c:6379']],
    ['redis://a,redis://u:p@b', ['a:6379', 'b:6379']],
    ['redis://u:p@a,b', ['a:6379', 'b:6379']],
    ['redis://a,b', ['a:6379', 'b:6379']],
    [
      ['a', { host: 'b' }],
      ['a:6379', 'b:6379'],
    ],
    [{ url: 'redis://h:7/2' }, ['h:7/2']],
    [{ socket: { host: 'h', port: 7 }, database: 2 }, ['h:7/2']],
    [{ socket: { path: '/run/redis.sock' } }, ['unix:/run/redis.sock']],
    [{ host: 'h', port: 7, weight: 2 }, ['h:7']],
    [{ path: '/run/redis.sock' }, ['unix:/run/redis.sock']],
    [{ client: createClient({ url: 'redis://h' }), name: 'own' }, ['own']],
    [createClient(), ['localhost:6379']],
    [createClient({ url: 'redis://h:7/2' }), ['h:7/2']],
    [() => createClient({ url: 'redis://h:7' }), ['h:7']],
    [createClientPool(), ['redis']],
    [createSentinel({ name: 'group', sentinelRootNodes: [{ host: 's', port: 1 }] }), ['redis']],
    [{ name: 'group', sentinelRootNodes: [{ host: 's', port: 1 }] }, ['group']],
  ])('%p: case %#', (given, names) => {
    expect(nodesOf(given).map(({ name }) => name)).toEqual(names);
  });

  test.each(['redis://:p,w;d@h:7', 'redis://user:p;w@h:7/0', ' rediss://:p,w@h:7'])(
    'one node if the password in a URL contains a separator: %j',
    (url) => {
      const [node, ...more] = nodesOf(url);
      expect([node?.name.slice(0, 3), more]).toEqual(['h:7', []]);
      expect(node).toHaveProperty('options.password', expect.stringMatching(/^p[,;]w/));
    },
  );

  test('one node with the options of a node-redis client', () => {
    const [node] = nodesOf({
      username: 'user',
      password: 'pass',
      database: 3,
      name: 'client name',
      RESP: 2,
      pingInterval: 1000,
      disableOfflineQueue: true,
      socket: {
        host: 'h',
        port: 7,
        tls: true,
        servername: 'server',
        keepAlive: false,
        connectTimeout: 900,
        reconnectStrategy: () => 100,
      },
    });
    expect(node?.name).toBe('h:7/3');
    expect(node).toMatchObject({
      options: {
        username: 'user',
        password: 'pass',
        database: 3,
        name: 'client name',
        RESP: 2,
        pingInterval: 1000,
        socket: { host: 'h', port: 7, tls: true, servername: 'server', keepAlive: false },
      },
    });
    expect(node).not.toHaveProperty('options.disableOfflineQueue');
    expect(node).not.toHaveProperty('options.socket.reconnectStrategy');
  });

  // Compares with node-redis itself, so that a change there is noticed.
  test.each([
    { url: 'redis://u:p@h:7/2', username: 'x', password: 'y', database: 5 },
    { url: 'redis://:p@h', username: 'x', password: 'y', database: 5 },
    { url: 'redis://h', username: 'x', password: 'y', database: 5 },
    { url: 'redis://h', socket: { host: 'other', port: 7 } },
    { url: 'redis://h:8', socket: { host: 'other', port: 7 } },
    { url: 'rediss://h', socket: { tls: true, servername: 's' } },
    { url: 'rediss://h', socket: { rejectUnauthorized: false } },
    { url: 'redis://h', socket: { tls: false } },
    { url: 'redis://[::1]:7' },
    { url: 'redis://u%20:p%2F@h' },
  ])('the node that node-redis connects to: %j', (options) => {
    // node-redis changes its options.
    const theirs = createClient(structuredClone(options) as object).options;
    const [node] = nodesOf(options) as readonly { readonly options?: unknown }[];
    const described = ({ socket, username, password, database }: NonNullable<typeof theirs>) => {
      const {
        host,
        port = 6379,
        tls = false,
        servername,
        rejectUnauthorized,
      } = { ...socket } as {
        [option: string]: unknown;
      };
      return { host, port, tls, servername, rejectUnauthorized, username, password, database };
    };
    // With a user name or password in the URL, node-redis takes neither from the other options to log in.
    const login = theirs?.credentialsProvider as { credentials(): Promise<object> } | undefined;
    return Promise.resolve(login?.credentials()).then((credentials) => {
      expect(described(node?.options as never)).toEqual({ ...described(theirs as never), ...credentials });
    });
  });

  test('a node within connectTimeoutMs, if socket.connectTimeout limits the time', () => {
    const limitOf = (connectTimeout?: number) =>
      toConnection({ socket: { connectTimeout } } as ConnectionArgument).connectTimeoutMs;
    expect([limitOf(900), limitOf(0), limitOf()]).toEqual([900, undefined, undefined]);
  });
});

describe('createKeyv() refuses', () => {
  test.each<[title: string, given: unknown, message: string]>([
    [
      'a cluster client',
      createCluster({ rootNodes: [{ url: 'redis://h' }] }),
      'locations[0] is a cluster client, which shards by itself; list the nodes one by one',
    ],
    [
      'cluster options',
      { rootNodes: [{ url: 'redis://:secret@h' }] },
      'createKeyv() got options of a cluster client, which shards by itself; list the nodes one by one',
    ],
    [
      'a URL that contradicts socket.tls',
      { url: 'rediss://:secret@h', socket: { tls: false } },
      'createKeyv() got a url that contradicts socket.tls: rediss:// means TLS, and redis:// means none',
    ],
    ['a URL object', new URL('redis://h'), 'locations[0] is a URL object; write its text, url.href'],
    [
      'a location with node-redis options',
      { host: 'h', socket: {} },
      'locations[0] has no option "socket"; write host, port, path and tls',
    ],
    [
      'a key prefix',
      { url: 'redis://h', keyPrefix: 'k' },
      'locations[0].clientOptions.keyPrefix is not allowed: set the option namespace',
    ],
  ])('%s', (_title, given, message) => {
    expect(() => nodesOf(given)).toThrow(new InvalidOptionError(message));
  });

  test.each([5, true, { url: 'http://:secret@h' }, { url: '::secret' }, { connect: 1 }])(
    '%j without showing a secret',
    (given) => {
      expect(() => nodesOf(given)).toThrow(InvalidOptionError);
      expect(() => nodesOf(given)).not.toThrow('secret');
    },
  );
});
