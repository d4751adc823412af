import type { RedisLocations } from 'redis-launcher';

declare global {
  /** Passes from the set-up to the teardown, which Jest loads in separate module registries. */
  var dredisTestServers: RedisLocations | undefined;
}

/** A database for each Jest worker, however many processors the machine has. */
const DATABASE_COUNT = 1024;

/**
 * Starts four servers for a whole Jest run. Test files share them from parallel workers, each in a database
 * of its own, and find them in DREDIS_TEST_LOCATIONS (comma separated).
 *
 * @throws Error if REDIS_LOCATIONS names servers that hold keys: the tests delete every key
 */
export default async function globalSetup(): Promise<void> {
  // Jest loads this file outside of its own module system, so tsx has to load the launcher's TypeScript.
  const { tsImport } = await import('tsx/esm/api');
  const launcher: typeof import('redis-launcher') = await tsImport('redis-launcher', import.meta.url);
  const servers = process.env['REDIS_LOCATIONS']
    ? await emptyServers(launcher)
    : await launcher.startRedis({ count: 4, args: ['--databases', `${DATABASE_COUNT}`] });
  globalThis.dredisTestServers = servers;
  Object.assign(process.env, { DREDIS_TEST_LOCATIONS: servers.locations.join(',') });
}

/** The servers that REDIS_LOCATIONS names, as empty after the tests as they were before. */
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
