import type { RedisLocations } from 'redis-launcher';

declare global {
  /**
   * Passes the servers from the set-up to the teardown, because Jest loads each in its own module registry.
   */
  var dredisTestServers: RedisLocations | undefined;
}

/** Enough databases for one per Jest worker, even on a machine with many processors. */
const DATABASE_COUNT = 1024;

/**
 * Starts four servers for a whole Jest run. The test files run in parallel workers and share the servers, but
 * each worker uses its own database. DREDIS_TEST_LOCATIONS contains the locations, separated by commas.
 *
 * @throws Error if REDIS_LOCATIONS names servers that hold keys: the tests delete every key
 */
export default async function globalSetup(): Promise<void> {
  // Jest loads this file outside its own module system, so tsx has to load the launcher's TypeScript.
  const { tsImport } = await import('tsx/esm/api');
  const launcher: typeof import('redis-launcher') = await tsImport('redis-launcher', import.meta.url);
  const servers = process.env['REDIS_LOCATIONS']
    ? await emptyServers(launcher)
    : await launcher.startRedis({ count: 4, args: ['--databases', `${DATABASE_COUNT}`] });
  globalThis.dredisTestServers = servers;
  Object.assign(process.env, { DREDIS_TEST_LOCATIONS: servers.locations.join(',') });
}

/** Checks that the servers in REDIS_LOCATIONS are empty. The returned `stop()` empties the servers again. */
async function emptyServers(launcher: typeof import('redis-launcher')): Promise<RedisLocations> {
  const { locations } = await launcher.redisLocations(4);
  for (const location of locations) {
    if (/^db\d/m.test(await launcher.ask(location, ['INFO', 'keyspace']))) {
      throw new Error(
        `REDIS_LOCATIONS: the tests delete every key, so they need empty servers; ${location} holds keys`,
      );
    }
  }
  const stop = async () => {
    for (const location of locations) await launcher.ask(location, ['FLUSHALL']);
  };
  return { locations, stop };
}
