import type { Env } from './command-line.js';
import { ping } from './ping.js';
import { type RedisServer, startRedis } from './start-redis.js';

const HIGHEST_PORT = 65_535;

export interface RedisLocations {
  /** `host:port` of each server. */
  readonly locations: readonly string[];
  /** The servers that were started here; undefined for servers from REDIS_LOCATIONS. */
  readonly servers?: readonly RedisServer[];
  /** Stops the servers that were started here. Servers from REDIS_LOCATIONS keep running. */
  stop(): Promise<void>;
}

/**
 * Returns `count` servers: from REDIS_LOCATIONS if it is set, else newly started servers.
 *
 * @throws Error if there are fewer; the message says what to do
 */
export async function redisLocations(count = 4, env: Env = process.env): Promise<RedisLocations> {
  const { REDIS_LOCATIONS: given = '' } = env;
  if (given === '') return startRedis({ count, env });
  const locations = parseLocations(given, count);
  await Promise.all(locations.map(assertReplies));
  return { locations, stop: async () => {} };
}

/** The first `count` locations in REDIS_LOCATIONS. @throws Error that names the invalid entry */
export function parseLocations(given: string, count: number): readonly string[] {
  const locations = given.split(',').map((entry) => entry.trim());
  for (const [index, location] of locations.entries()) {
    const port = Number(/^(?:[^\s:/@[\]]+|\[[\da-f:]+\]):(\d{1,5})$/i.exec(location)?.[1] ?? 0);
    if (port >= 1 && port <= HIGHEST_PORT) continue;
    // The text before an @ may contain a password.
    const received = location.replace(/^.*@/, '***@');
    throw new Error(
      `REDIS_LOCATIONS: expected host:port,host:port,..., but entry ${index + 1} is '${received}'`,
    );
  }
  if (new Set(locations).size < locations.length) throw new Error('REDIS_LOCATIONS: it names a server twice');
  if (locations.length < count) {
    throw new Error(`REDIS_LOCATIONS: expected at least ${count} servers, got ${locations.length}`);
  }
  return locations.slice(0, count);
}

async function assertReplies(location: string): Promise<void> {
  try {
    await ping(location);
  } catch (cause) {
    throw new Error(`REDIS_LOCATIONS: no Redis server replies at ${location}: ${(cause as Error).message}`, {
      cause,
    });
  }
}
