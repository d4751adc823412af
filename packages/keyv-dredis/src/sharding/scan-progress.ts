import { SCAN_START } from '../node/server-commands.js';
import type { Run } from './scan.js';

/**
 * How far a SCAN has come, from 0 to 1. Redis counts the cursor upwards with its bits reversed, so that its lowest
 * bit halves the hash table (dictScan in dict.c of Redis).
 */
export function scannedFraction(cursor: string): number {
  if (cursor === SCAN_START) return 1;
  let fraction = 0;
  for (let bits = BigInt(cursor), part = 0.5; bits > 0n; bits >>= 1n, part /= 2) {
    if (bits & 1n) fraction += part;
  }
  return fraction;
}

/** Sends commands to a node, and tells how far its SCAN has come. */
export function watchScan(run: Run, onPage: (fraction: number) => void): Run {
  return async (request, options) => {
    const reply = await run(request, options);
    if (typeof reply === 'object' && reply !== null && 'cursor' in reply) {
      onPage(scannedFraction(String(reply.cursor)));
    }
    return reply;
  };
}
