const RECONNECTS = 'it is not needed, because the store itself reconnects; see maxRetryDelayMs';
const FAILS_AT_ONCE = 'it is not needed, because calls to a node that is down always fail at once';
const LOCATION = 'it belongs to a location, in the first argument: [{ host, port }]';
const SOCKET = 'it belongs to clientOptions: { socket }';
const SENTINEL = 'pass a sentinel client, in the first argument: [{ name, client: createSentinel(...) }]';
const CLUSTER = 'Redis Cluster is not supported, because it shards by itself; list independent servers';
const ALWAYS_TOLD = 'it is not needed, because the store always rejects, or emits an error event';

/**
 * Option names of other libraries and of earlier versions, each with what to write instead. A user who migrates
 * passes them first, so the error for an unknown option explains them.
 */
const FORMER_OPTIONS = new Map([
  // @keyv/redis
  ['url', 'pass the URL as the first argument'],
  [
    'socket',
    'host, port, path and tls belong to a location, in the first argument: [{ host, port, tls }]; other socket ' +
      'options belong to clientOptions: { socket }',
  ],
  ['connectionTimeout', 'it is called connectTimeoutMs'],
  ['clearBatchSize', 'it is called scanCount'],
  ['useUnlink', 'it is not needed, because the store always uses UNLINK'],
  ['keyPrefixSeparator', 'it is called keySeparator, and needs keyFormat: "keyv-redis"'],
  ['noNamespaceAffectsAll', 'it is called ownsDatabase'],
  ['throwOnConnectError', `${ALWAYS_TOLD}; see also nodeDownPolicy`],
  ['createKeyvNonBlocking', 'call createKeyv() with nodeDownPolicy: "miss"'],

  // node-redis
  ['client', 'pass the client in a list, as the first argument: [client]'],
  ['credentialsProvider', 'it belongs to clientOptions'],
  ['RESP', 'it belongs to clientOptions'],
  [
    'name',
    'it belongs to a location, in the first argument; for the name of a connection, set clientOptions: { name }',
  ],
  ['pingInterval', 'it belongs to clientOptions'],
  ['commandOptions', 'it belongs to clientOptions; the time limit of a command is called commandTimeoutMs'],
  ['reconnectStrategy', RECONNECTS],
  ['disableOfflineQueue', FAILS_AT_ONCE],
  ['sentinelRootNodes', SENTINEL],
  ['rootNodes', CLUSTER],

  // ioredis, and stores over it
  ['uri', 'pass the URL as the first argument'],
  ['host', LOCATION],
  ['port', LOCATION],
  ['path', LOCATION],
  ['db', 'it is called database'],
  ['keyPrefix', 'it is called namespace'],
  ['connectTimeout', 'it is called connectTimeoutMs'],
  ['commandTimeout', 'it is called commandTimeoutMs'],
  ['retryStrategy', RECONNECTS],
  ['reconnectOnError', RECONNECTS],
  ['maxRetriesPerRequest', 'it is not needed, because every call ends within commandTimeoutMs'],
  ['enableOfflineQueue', FAILS_AT_ONCE],
  ['lazyConnect', 'it is not needed, because the first call connects, or connect()'],
  ['enableAutoPipelining', 'it is not needed, because reads in one turn of the event loop are one command'],
  ['keepAlive', SOCKET],
  ['noDelay', SOCKET],
  ['family', SOCKET],
  ['connectionName', 'it belongs to clientOptions: { name }'],
  ['sentinels', SENTINEL],
  ['clusterConfig', CLUSTER],
  ['useRedisSets', 'it is not needed, because clear() finds the keys of a namespace with SCAN'],
  ['isCacheable', 'it is not supported; decide before you call set()'],
  ['ttl', 'it is an option of Keyv'],

  // earlier versions
  ['onNodeDown', 'it is called nodeDownPolicy'],
  ['onRestart', 'it is called restartPolicy'],
  ['batchKeyCount', 'it is called maxBatchSize'],
  ['batchKeyLength', 'it is not needed, because the store limits the length of a batch itself'],
  ['hints', 'it is not needed, because a node that returns is swept of old entries'],
  ['failoverTtlMs', 'it is not needed, because entries keep their own keys and expiries during a failover'],
  ['redis', 'it is called clientOptions'],
  ['rawKeys', 'it is called keyFormat: "raw"'],
]);

/** What to write instead of an option; undefined if the name is not known from elsewhere. */
export function insteadOf(option: string): string | undefined {
  return FORMER_OPTIONS.get(option);
}
