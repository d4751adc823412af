import { DRedisStore } from 'keyv-dredis';

/** Adds the last server while the store is running. @returns how many of 1,000 keys changed owner */
export async function updateNodes(locations: string[]): Promise<number> {
  const store = new DRedisStore(locations.slice(0, -1));
  const keys = Array.from({ length: 1000 }, (_, index) => `key-${index}`);
  const before = keys.map((key) => store.locate(key).node);

  await store.updateNodes(locations);

  const moved = keys.filter((key, index) => store.locate(key).node !== before[index]);
  await store.disconnect();
  return moved.length;
}
