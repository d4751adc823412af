import { CommandFailedError, CommandTimeoutError, NodeUnavailableError } from '../errors/errors.js';
import { isRefusal } from '../node/replies.js';
import { timers } from '../timers.js';
import { sleep } from './pace.js';

/** How long a node may be unreachable during a change, in milliseconds. */
export const OUTAGE_LIMIT_MS = 15_000;

const WAIT_MS = 200;

/** Whether a node could not be reached, so that the same commands may succeed later. */
export function isOutage(error: unknown): boolean {
  return (
    error instanceof NodeUnavailableError ||
    error instanceof CommandTimeoutError ||
    (error instanceof CommandFailedError && !isRefusal(error))
  );
}

/**
 * Runs a job again as long as its node is briefly unreachable. The job must be one that can be repeated.
 *
 * @param limitMs time limit for one outage
 * @param signal ends the waits
 */
export async function withRetries<T>(
  job: () => Promise<T>,
  limitMs: number,
  signal: AbortSignal,
): Promise<T> {
  let failingSince: number | undefined;
  for (;;) {
    const startedAt = timers.now();
    try {
      return await job();
    } catch (error) {
      // A job that ran longer than an outage may last has been working in between.
      if (failingSince === undefined || timers.now() - startedAt > limitMs) failingSince = timers.now();
      if (!isOutage(error) || signal.aborted || timers.now() - failingSince >= limitMs) throw error;
      await sleep(WAIT_MS, signal);
    }
  }
}
