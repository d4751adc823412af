import { expect, test } from '@jest/globals';
import { ping, startRedis } from '../src/index.js';
import { redisLocations } from '../src/redis-locations.js';

test('redisLocations() starts servers if REDIS_LOCATIONS is empty', async () => {
  const { locations, servers, stop } = await redisLocations(2, { ...process.env, REDIS_LOCATIONS: '' });
  try {
    expect(locations).toEqual(servers?.map(({ location }) => location));
    expect(locations).toHaveLength(2);
  } finally {
    await stop();
  }
  await expect(ping(locations[0] as string)).rejects.toThrow('ECONNREFUSED');
});

test('redisLocations() uses the servers in REDIS_LOCATIONS and does not stop them', async () => {
  await using group = await startRedis({ count: 2 });
  const given = await redisLocations(2, { REDIS_LOCATIONS: group.locations.join(',') });
  expect(given.locations).toEqual(group.locations);
  expect(given.servers).toBeUndefined();
  await given.stop();
  await expect(ping(group.locations[0] as string)).resolves.toBe('+PONG');
});

test('redisLocations() throws an error with the location of a server that does not reply', async () => {
  await using group = await startRedis({ count: 2 });
  const [up, down] = group.servers;
  await down?.kill();
  await expect(redisLocations(2, { REDIS_LOCATIONS: `${up?.location},${down?.location}` })).rejects.toThrow(
    `REDIS_LOCATIONS: no Redis server replies at ${down?.location}: connect ECONNREFUSED`,
  );
});
