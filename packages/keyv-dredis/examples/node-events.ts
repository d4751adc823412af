import { DRedisStore } from 'keyv-dredis';

/** Collects information about the servers for a dashboard or a log. */
export async function nodeEvents(
  locations: string[],
  loseOne: (store: DRedisStore) => Promise<void>,
): Promise<string[]> {
  const log: string[] = [];
  const store = new DRedisStore(locations, { nodeDownPolicy: 'miss' });
  store.on('node:down', (node, reason) => log.push(`${node} is down: ${reason.code}`));
  store.on('node:up', (node, _reason, durationMs) => log.push(`${node} was away for ${durationMs} ms`));
  store.on('node:purged', (node, reason, keyCount) =>
    log.push(`${keyCount} keys removed from ${node}: ${reason}`),
  );

  await store.connect();
  await loseOne(store);

  for (const { name, state, durationMs, reason } of store.status().nodes) {
    log.push(`${name} ${state} for ${Math.round(durationMs)} ms ${reason?.message ?? ''}`);
  }
  await store.disconnect();
  return log;
}
