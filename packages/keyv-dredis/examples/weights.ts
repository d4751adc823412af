import { DRedisStore } from 'keyv-dredis';

/** Uses names that stay the same when addresses change, and gives one server twice as many keys. */
export async function weights([first, second]: string[]): Promise<number[]> {
  const store = new DRedisStore([
    { url: `redis://${first}`, name: 'cache-1' },
    { url: `redis://${second}`, name: 'cache-2', weight: 2 },
  ]);
  const counts = store.nodes.map(() => 0);
  for (let index = 0; index < 3000; index += 1) {
    const owner = store.nodes.indexOf(store.locate(`key-${index}`).node);
    counts[owner] = (counts[owner] ?? 0) + 1;
  }
  await store.disconnect();
  return counts;
}
