import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from './ask.js';

const TIMEOUT_MS = 30_000;
const POLL_MS = 50;

/**
 * Resolves once `isDone` has accepted a reply of every server to `command`.
 *
 * @param group what the servers form, for the error message
 * @throws Error if that takes longer than 30 seconds
 */
export async function untilAll(
  group: string,
  locations: readonly string[],
  command: readonly string[],
  isDone: (reply: string) => boolean,
): Promise<void> {
  const endsAt = Date.now() + TIMEOUT_MS;
  for (const location of locations) {
    while (!isDone(await ask(location, command))) {
      if (Date.now() > endsAt) throw new Error(`the ${group} did not form within ${TIMEOUT_MS} ms`);
      await sleep(POLL_MS);
    }
  }
}
