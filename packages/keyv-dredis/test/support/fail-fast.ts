import type { DRedisError } from '../../src/index.js';
import { rejection } from './stores.js';

/** The error that a promise rejects with in this turn of the event loop. @throws Error if it rejects later */
export async function rejectionAtOnce(promise: Promise<unknown>): Promise<DRedisError> {
  const turn = new Promise<undefined>((resolve) => setImmediate(resolve, undefined));
  const error = await Promise.race([rejection(promise), turn]);
  if (error === undefined) throw new Error('The event loop turned before the promise rejected');
  return error;
}
