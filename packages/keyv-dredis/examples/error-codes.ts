import { DRedisError, DRedisStore, PartialFailureError } from 'keyv-dredis';

/** Handles errors by class and code, never by message text. */
export async function errorCodes(locations: string[]): Promise<unknown[]> {
  const store = new DRedisStore(locations, { namespace: 'error-codes' });
  const seen: unknown[] = [];
  try {
    await store.clear();
  } catch (error) {
    if (error instanceof PartialFailureError) seen.push(error.code, error.nodes);
    else if (error instanceof DRedisError) seen.push(error.code, error.node);
    else throw error;
  }
  await store.disconnect();
  return seen;
}
