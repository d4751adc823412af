import type { Env } from './command-line.js';
import { ping } from './ping.js';
import { type RedisServer, startRedis } from './start-redis.js';

const HIGHEST_PORT = 65_535;

export interface RedisLocations {
  /** `host:port` of each server. */
  readonly locations: readonly string[];
  /** Only of those that were started here: others are not ours to kill. */
  readonly servers?: readonly RedisServer[];
  /** Takes away what was started here, and leaves alone what was not. */
  stop(): Promise<void>;
}

/**
 * `count` servers, wherever they come from: those that REDIS_LOCATIONS names, else fresh ones.
 *
 * @throws Error that says what to do when there are none, or fewer
 */
export async function redisLocations(count = 4, env: Env = process.env): Promise<RedisLocations> {
  const { REDIS_LOCATIONS: given = '' } = env;
  if (given === '') return startRedis({ count, env });
  const locations = parseLocations(given, count);
  await Promise.all(locations.map(answers));
  return { locations, stop: async () => {} };
}

/** The first `count` locations of REDIS_LOCATIONS. @throws Error that says which entry is wrong */
export function parseLocations(given: string, count: number): readonly string[] {
  const locations = given.split(',').map((entry) => entry.trim());
  for (const [index, location] of locations.entries()) {
    const port = Number(/^(?:[^\s:/@[\]]+|\[[\da-f:]+\]):(\d{1,5})$/i.exec(location)?.[1] ?? 0);
    if (port >= 1 && port <= HIGHEST_PORT) continue;
    // Whatever stands before an @ may be a password.
    const came = location.replace(/^.*@/, '***@');
    throw new Error(`REDIS_LOCATIONS: expected host:port,host:port,... and entry ${index + 1} is '${came}'`);
  }
  if (new Set(locations).size < locations.length) throw new Error('REDIS_LOCATIONS: names a server twice');
  if (locations.length < count) {
    throw new Error(`REDIS_LOCATIONS: ${count} servers are needed, and it names ${locations.length}`);
  }
  return locations.slice(0, count);
}

async function answers(location: string): Promise<void> {
  try {
    await ping(location);
  } catch (cause) {
    throw new Error(`REDIS_LOCATIONS: no Redis server answers at ${location}: ${(cause as Error).message}`, {
      cause,
    });
  }
}
