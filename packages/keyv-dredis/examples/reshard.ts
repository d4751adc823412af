import { type ChangeSummary, DRedisStore } from 'keyv-dredis';

/** Adds the last server for all processes of the cache, while they run. Another store stands for another process. */
export async function reshard(
  locations: string[],
): Promise<{ summary: ChangeSummary; hits: number; log: string[] }> {
  const log: string[] = [];
  const store = new DRedisStore(locations.slice(0, -1), { namespace: 'reshard' });
  const other = new DRedisStore(locations.slice(0, -1), { namespace: 'reshard' });
  other.on('topology:moving', ({ nodes }) => log.push(`entries move: ${nodes.length} servers`));
  other.on('topology:changed', ({ nodes }) => log.push(`no entries move: ${nodes.length} servers`));
  const keys = Array.from({ length: 1000 }, (_, index) => `key-${index}`);
  await other.setMany(keys.map((key) => ({ key, value: 'value' })));

  const summary = await store.reshard(locations, {
    maxKeysPerSecond: 10_000,
    onProgress: ({ phase, movedCount }) => console.log(`${phase}: ${movedCount} entries have moved`),
  });
  console.log(`${summary.movedCount} entries have moved in ${Math.round(summary.durationMs)} ms`);

  const values = await other.getMany(keys);
  await other.clear();
  await Promise.all([store.disconnect(), other.disconnect()]);
  return { summary, hits: values.filter((value) => value !== undefined).length, log };
}
