import { SupersededError } from '../node/superseded.js';
import type { NodeReply } from './call-results.js';

/** Sends one command per key without waiting for the replies in between. */
export async function pipeline<T>(
  keys: readonly string[],
  missing: T,
  run: (key: string, index: number) => Promise<T>,
): Promise<NodeReply<T>> {
  const outcomes = await Promise.allSettled(keys.map(run));
  const errors = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason : undefined));
  const values = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : missing));
  const error = errors.find((each) => each !== undefined && !(each instanceof SupersededError));
  const indexes = errors.flatMap((each, index) => (each instanceof SupersededError ? [index] : []));
  const [first] = indexes;
  if (first === undefined) return { values, error };
  return { values, error, superseded: { indexes, error: errors[first] as SupersededError } };
}
