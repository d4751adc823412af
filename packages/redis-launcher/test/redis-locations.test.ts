import { expect, test } from '@jest/globals';
import { ping, startRedis } from '../src/index.js';
import { parseLocations, redisLocations } from '../src/redis-locations.js';

test('starts servers of its own when REDIS_LOCATIONS names none', async () => {
  const { locations, servers, stop } = await redisLocations(2, { ...process.env, REDIS_LOCATIONS: '' });
  try {
    expect(locations).toEqual(servers?.map(({ location }) => location));
    expect(locations).toHaveLength(2);
  } finally {
    await stop();
  }
  await expect(ping(locations[0] as string)).rejects.toThrow('ECONNREFUSED');
});

test('uses the servers that REDIS_LOCATIONS names, and leaves them running', async () => {
  await using group = await startRedis({ count: 2 });
  const given = await redisLocations(2, { REDIS_LOCATIONS: group.locations.join(',') });
  expect(given.locations).toEqual(group.locations);
  expect(given.servers).toBeUndefined();
  await given.stop();
  await expect(ping(group.locations[0] as string)).resolves.toBe('+PONG');
});

test('says which server of REDIS_LOCATIONS does not answer', async () => {
  await using group = await startRedis({ count: 2 });
  const [up, down] = group.servers;
  await down?.kill();
  await expect(redisLocations(2, { REDIS_LOCATIONS: `${up?.location},${down?.location}` })).rejects.toThrow(
    `REDIS_LOCATIONS: no Redis server answers at ${down?.location}: connect ECONNREFUSED`,
  );
});

test.each([
  { given: 'a:1,b:65535', count: 2, locations: ['a:1', 'b:65535'] },
  { given: ' a:1 , b:2 ', count: 2, locations: ['a:1', 'b:2'] },
  { given: '[::1]:6379', count: 1, locations: ['[::1]:6379'] },
  { given: 'a:1,b:2,c:3', count: 2, locations: ['a:1', 'b:2'] },
])('reads $given', ({ given, count, locations }) => {
  expect(parseLocations(given, count)).toEqual(locations);
});

test.each([
  { given: 'a', message: "expected host:port,host:port,... and entry 1 is 'a'" },
  { given: 'a:1,', message: "entry 2 is ''" },
  { given: 'a:0', message: "entry 1 is 'a:0'" },
  { given: 'a:65536', message: "entry 1 is 'a:65536'" },
  { given: '::1:6379', message: "entry 1 is '::1:6379'" },
  { given: 'redis://a:1', message: "entry 1 is 'redis://a:1'" },
  { given: 'redis://u:secret@a:1', message: "entry 1 is '***@a:1'" },
  { given: 'a:1,a:1', message: 'names a server twice' },
  { given: 'a:1', message: '2 servers are needed, and it names 1' },
])('refuses $given', ({ given, message }) => {
  expect(() => parseLocations(given, 2)).toThrow(/^REDIS_LOCATIONS: /);
  expect(() => parseLocations(given, 2)).toThrow(message);
});
