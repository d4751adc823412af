import { describe, expect, test } from '@jest/globals';
import type { DRedisStoreOptions } from '../../src/config/options.js';
import { resolveOptions } from '../../src/config/validation.js';
import { InvalidOptionError } from '../../src/errors/errors.js';

const NAMES =
  'database, username, password, tls, clientOptions, namespace, useKeyPrefix, throwOnErrors, keyFormat, keySeparator, ' +
  'ownsDatabase, ' +
  'connectTimeoutMs, commandTimeoutMs, nodeDownPolicy, leaseMs, restartPolicy, topology, maxRetryDelayMs, disconnectTimeoutMs, ' +
  'maxBatchSize, scanCount';

test('resolveOptions() returns the documented defaults', () => {
  expect(resolveOptions()).toEqual({
    keyFormat: 'default',
    keySeparator: '::',
    throwOnErrors: false,
    ownsDatabase: false,
    connectTimeoutMs: 2000,
    commandTimeoutMs: 2000,
    leaseMs: 1000,
    topology: 'shared',
    maxRetryDelayMs: 1000,
    disconnectTimeoutMs: 2000,
    maxBatchSize: 1000,
    scanCount: 1000,
  });
});

test('an option that is undefined gets its default', () => {
  const undefinedOnes = Object.fromEntries(NAMES.split(', ').map((name) => [name, undefined]));
  expect(resolveOptions(undefinedOnes)).toEqual(resolveOptions());
});

test('resolved options are a frozen copy', () => {
  const given = { scanCount: 5 };
  const resolved = resolveOptions(given);
  given.scanCount = 6;
  expect(resolved.scanCount).toBe(5);
  expect(Object.isFrozen(resolved)).toBe(true);
});

describe('valid options are accepted:', () => {
  test.each<DRedisStoreOptions>([
    { database: 0 },
    { database: 15 },
    { username: '' },
    { username: 'app' },
    { password: '' },
    { password: 'p:@/;, %' },
    { tls: true },
    { tls: false },
    { tls: { rejectUnauthorized: false } },
    { clientOptions: {} },
    { clientOptions: { RESP: 2, socket: { keepAlive: true, noDelay: true } } },
    { namespace: '' },
    { namespace: 'a:b' },
    { useKeyPrefix: false },
    { throwOnErrors: true },
    { keyFormat: 'raw' },
    { keyFormat: 'keyv-redis' },
    { keyFormat: 'keyv-redis', keySeparator: ':', namespace: 'a;b' },
    { keyFormat: 'keyv-redis', namespace: 'a:b' },
    { ownsDatabase: true },
    { connectTimeoutMs: 1 },
    { connectTimeoutMs: 2147483647 },
    { commandTimeoutMs: 1 },
    { commandTimeoutMs: 2147483647 },
    { disconnectTimeoutMs: 0 },
    { disconnectTimeoutMs: 2147483647 },
    { scanCount: 1 },
    { scanCount: 1_000_000 },
  ])('%j', (options) => {
    expect(resolveOptions(options)).toMatchObject(options);
  });
});

const escaped = (text: string) => text.replace(/[()]/g, '\\$&');
const delay = (from: number) => `a whole number of milliseconds from ${from} to 2147483647`;
const wellFormed = 'a string of well-formed Unicode';

describe('invalid options throw a message that says what is allowed:', () => {
  test.each<[options: unknown, message: string]>([
    [{ commandTimoutMs: 5 }, `options has no option "commandTimoutMs"; allowed are ${NAMES}`],
    [{ timeToLive: 5 }, `options has no option "timeToLive"; allowed are ${NAMES}`],
    [JSON.parse('{"__proto__":1}'), `options has no option "__proto__"; allowed are ${NAMES}`],
    [{ toString: 1 }, `options has no option "toString"; allowed are ${NAMES}`],
    [null, 'options must be an object, got null'],
    [[], 'options must be an object, got an array'],
    ['redis://:pw@h', 'options must be an object, got a value of type string'],
    [6379, 'options must be an object, got a value of type number'],

    [{ database: -1 }, 'options.database must be a whole number, 0 or more, got -1'],
    [{ database: 1.5 }, 'options.database must be a whole number, 0 or more, got 1.5'],
    [{ database: '1' }, 'options.database must be a whole number, 0 or more, got "1"'],
    [{ database: null }, 'options.database must be a whole number, 0 or more, got null'],
    [{ username: 5 }, `options.username must be ${wellFormed}, got a value of type number`],
    [{ username: '\ud800' }, `options.username must be ${wellFormed}, got a value of type string`],
    [{ password: 12345 }, `options.password must be ${wellFormed}, got a value of type number`],
    [{ password: 'pass\ud800' }, `options.password must be ${wellFormed}, got a value of type string`],
    [{ password: ['pass'] }, `options.password must be ${wellFormed}, got an array`],
    [{ password: null }, `options.password must be ${wellFormed}, got null`],
    [
      { tls: 'pem' },
      'options.tls must be true, false or an object of tls.connect options, got a value of type string',
    ],
    [{ tls: null }, 'options.tls must be true, false or an object of tls.connect options, got null'],
    [
      { clientOptions: 'redis://:pw@h' },
      'options.clientOptions must be an object of node-redis options, got a value of type string',
    ],
    [{ clientOptions: [] }, 'options.clientOptions must be an object of node-redis options, got an array'],

    [{ namespace: 5 }, `options.namespace must be ${wellFormed}, got 5`],
    [{ namespace: '\ud800' }, `options.namespace must be ${wellFormed}, got "\\ud800"`],
    [{ namespace: null }, `options.namespace must be ${wellFormed}, got null`],
    [{ throwOnErrors: 1 }, 'options.throwOnErrors must be true or false, got 1'],
    [{ useKeyPrefix: 'false' }, 'options.useKeyPrefix must be true or false, got "false"'],
    [{ keyFormat: true }, 'options.keyFormat must be "default" or "raw" or "keyv-redis", got true'],
    [
      { keyFormat: 'keyv-redis', keySeparator: '' },
      'options.keySeparator must be a non-empty string of well-formed Unicode, got ""',
    ],
    [
      { keySeparator: '::' },
      'options.keySeparator is allowed only with keyFormat "keyv-redis", got "::" with keyFormat "default"',
    ],
    [
      { keyFormat: 'raw', keySeparator: ':' },
      'options.keySeparator is allowed only with keyFormat "keyv-redis", got ":" with keyFormat "raw"',
    ],
    [
      { keyFormat: 'keyv-redis', namespace: 'a::b' },
      'options.namespace must neither contain the separator "::" nor end with a part of it, because with ' +
        'keyFormat "keyv-redis" clear() of another namespace would remove its keys, got "a::b"',
    ],
    [{ ownsDatabase: 'yes' }, 'options.ownsDatabase must be true or false, got "yes"'],

    [{ connectTimeoutMs: 0 }, `options.connectTimeoutMs must be ${delay(1)}, got 0`],
    [{ connectTimeoutMs: '2000' }, `options.connectTimeoutMs must be ${delay(1)}, got "2000"`],
    [{ commandTimeoutMs: 0 }, `options.commandTimeoutMs must be ${delay(1)}, got 0`],
    [{ commandTimeoutMs: 2147483648 }, `options.commandTimeoutMs must be ${delay(1)}, got 2147483648`],
    [{ commandTimeoutMs: 0.5 }, `options.commandTimeoutMs must be ${delay(1)}, got 0.5`],
    [{ commandTimeoutMs: Number.NaN }, `options.commandTimeoutMs must be ${delay(1)}, got NaN`],
    [{ commandTimeoutMs: Infinity }, `options.commandTimeoutMs must be ${delay(1)}, got Infinity`],
    [{ commandTimeoutMs: 2000n }, `options.commandTimeoutMs must be ${delay(1)}, got 2000n`],
    [
      { nodeDownPolicy: 'ignore' },
      'options.nodeDownPolicy must be "error" or "miss" or "failover", got "ignore"',
    ],
    [{ leaseMs: 99 }, 'options.leaseMs must be a whole number of milliseconds from 100 to 60000, got 99'],
    [{ restartPolicy: true }, 'options.restartPolicy must be "keep" or "purge", got true'],
    [{ topology: 'own' }, 'options.topology must be "shared" or "fixed", got "own"'],
    [{ disconnectTimeoutMs: -1 }, `options.disconnectTimeoutMs must be ${delay(0)}, got -1`],
    [{ scanCount: 0 }, 'options.scanCount must be a whole number of keys from 1 to 1000000, got 0'],
    [
      { scanCount: 1_000_001 },
      'options.scanCount must be a whole number of keys from 1 to 1000000, got 1000001',
    ],
  ])('%p', (options, message) => {
    expect(() => resolveOptions(options as DRedisStoreOptions)).toThrow(new InvalidOptionError(message));
  });

  test.each([
    ['url', 'pass the URL as the first argument'],
    ['socket', 'host, port, path and tls belong to a location'],
    ['connectionTimeout', 'it is called connectTimeoutMs'],
    ['clearBatchSize', 'it is called scanCount'],
    ['useUnlink', 'it is not needed, because the store always uses UNLINK'],
    ['keyPrefixSeparator', 'it is called keySeparator, and needs keyFormat: "keyv-redis"'],
    ['noNamespaceAffectsAll', 'it is called ownsDatabase'],
    ['throwOnConnectError', 'it is not needed, because the store always rejects, or emits an error event'],
    ['createKeyvNonBlocking', 'call createKeyv() with nodeDownPolicy: "miss"'],
    ['client', 'pass the client in a list'],
    ['rootNodes', 'Redis Cluster is not supported'],
    ['sentinelRootNodes', 'pass a sentinel client'],
    ['reconnectStrategy', 'it is not needed'],
    ['host', 'it belongs to a location'],
    ['db', 'it is called database'],
    ['commandTimeout', 'it is called commandTimeoutMs'],
    ['useRedisSets', 'it is not needed'],
    ['onNodeDown', 'it is called nodeDownPolicy'],
    ['onRestart', 'it is called restartPolicy'],
    ['batchKeyCount', 'it is called maxBatchSize'],
    ['batchKeyLength', 'it is not needed'],
    ['hints', 'it is not needed'],
    ['redis', 'it is called clientOptions'],
    ['rawKeys', 'it is called keyFormat: "raw"'],
  ])('the former option %s, without its value, which may be a secret', (name, instead) => {
    const options = { [name]: 'redis://:secret@h' } as DRedisStoreOptions;
    const message = new RegExp(`^options has no option "${name}"; ${escaped(instead)}`);
    expect(() => resolveOptions(options)).toThrow(message);
    expect(() => resolveOptions(options)).not.toThrow('secret');
  });

  const SOCKET =
    'the location sets the address and TLS, connectTimeoutMs the time to connect, and the store ' +
    'itself reconnects';
  test.each([
    [{ url: 'redis://:pw@h' }, 'options.clientOptions.url is not allowed: use the URL as the location'],
    [
      { username: 'u' },
      'options.clientOptions.username is not allowed: set the option username of the store or of a location',
    ],
    [
      { password: 'p' },
      'options.clientOptions.password is not allowed: set the option password of the store or of a location',
    ],
    [
      { database: 1 },
      'options.clientOptions.database is not allowed: set the option database of the store or of a location',
    ],
    [{ keyPrefix: 'p' }, 'options.clientOptions.keyPrefix is not allowed: set the option namespace'],
    [
      { disableOfflineQueue: true },
      'options.clientOptions.disableOfflineQueue is not allowed: commands to a node that is not connected fail at once anyway',
    ],
    ...['host', 'port', 'path', 'tls', 'reconnectStrategy', 'connectTimeout'].map(
      (name) =>
        [{ socket: { [name]: 1 } }, `options.clientOptions.socket.${name} is not allowed: ${SOCKET}`] as [
          object,
          string,
        ],
    ),
  ])('clientOptions: %j', (clientOptions, message) => {
    expect(() => resolveOptions({ clientOptions: clientOptions as object })).toThrow(
      new InvalidOptionError(message),
    );
  });

  test('the message shows only the first 80 characters of a long value', () => {
    expect(() => resolveOptions({ keyFormat: 'x'.repeat(1000) as never })).toThrow(
      new InvalidOptionError(
        `options.keyFormat must be "default" or "raw" or "keyv-redis", got "${'x'.repeat(80)}…"`,
      ),
    );
  });

  test('the error is an InvalidOptionError with its code', () => {
    expect.assertions(2);
    try {
      resolveOptions({ scanCount: 0 });
    } catch (error) {
      expect(error).toBeInstanceOf(InvalidOptionError);
      expect(error).toMatchObject({
        name: 'InvalidOptionError',
        code: 'DREDIS_INVALID_OPTION',
        node: undefined,
      });
    }
  });
});
