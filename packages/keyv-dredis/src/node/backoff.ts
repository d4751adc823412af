const FIRST_DELAY_MS = 250;

/**
 * Delay before a retry: 250 ms at first, doubled each time, up to a maximum. Half of the delay is random, so
 * that many processes do not retry at the same moment.
 *
 * @param count number of earlier retries
 * @param maxMs longest delay, in milliseconds
 */
export function retryDelayMs(count: number, maxMs: number): number {
  return Math.min(FIRST_DELAY_MS * 2 ** count, maxMs) * (0.5 + Math.random() / 2);
}
