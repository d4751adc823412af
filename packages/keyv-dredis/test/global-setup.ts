import type { RedisLocations } from 'redis-launcher';

declare global {
  /** Passes from the set-up to the teardown, which Jest loads apart from each other. */
  var dredisTestServers: RedisLocations | undefined;
}

/**
 * Four servers for a whole Jest run. The test files share them from parallel workers, each file under a
 * namespace of its own, and read where they are from DREDIS_TEST_LOCATIONS (comma separated). A test that
 * kills servers starts its own with `startRedis()`.
 */
export default async function globalSetup(): Promise<void> {
  // Jest loads this file outside of its own module system, so the launcher's TypeScript comes through tsx.
  const { tsImport } = await import('tsx/esm/api');
  const launcher: typeof import('redis-launcher') = await tsImport('redis-launcher', import.meta.url);
  globalThis.dredisTestServers = await launcher.redisLocations(4);
  Object.assign(process.env, { DREDIS_TEST_LOCATIONS: globalThis.dredisTestServers.locations.join(',') });
}
