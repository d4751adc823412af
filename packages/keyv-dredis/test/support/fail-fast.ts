import type { DRedisError } from '../../src/index.js';
import { rejection } from './stores.js';

/**
 * Expects a promise to reject before the event loop turns.
 *
 * @returns its error
 *
 * @throws Error if the promise does not reject in time
 */
export async function rejectionAtOnce(promise: Promise<unknown>): Promise<DRedisError> {
  const turn = new Promise<undefined>((resolve) => setImmediate(resolve, undefined));
  const error = await Promise.race([rejection(promise), turn]);
  if (error === undefined) throw new Error('The event loop turned before the promise rejected');
  return error;
}
