import type { Fleet } from './fleet.js';
import type { KeyCount } from './reading.js';

/** Keys that still have to move from one node to another. */
export interface KeysLeft {
  readonly from: string;
  readonly to: string;
  readonly keyCount: number;
}

/** How far an unfinished change has come. */
export interface MovingKeys {
  readonly left: readonly KeysLeft[];
  readonly leftCount: number;
  readonly movedCount: number;
  readonly isEstimate: boolean;
}

/**
 * Computes how many keys have moved, and how many have not.
 *
 * @param counts by node; a node that cannot be asked is missing
 */
export function movingKeys({ snapshot, previous }: Fleet, counts: ReadonlyMap<string, KeyCount>): MovingKeys {
  const { flows } = previous?.ring.movement(snapshot.ring) ?? { flows: [] };
  const all = [...counts.values()];
  const total = all.reduce((sum, { count }) => sum + count, 0);
  const isEstimate = all.some((each) => each.isEstimate);
  let movedCount = 0;
  const left: KeysLeft[] = [];
  for (const { from, to, fraction } of flows) {
    const [source, target] = [counts.get(from as string), counts.get(to as string)];
    if (from === undefined || to === undefined || source === undefined || target === undefined) continue;
    const arrived = target.arrivedFrom.get(from) ?? 0;
    movedCount += arrived;
    // A change moves keys in the order of SCAN, so the beginning of a SCAN is no sample of the keys that are left. At
    // the target, the order is another one.
    const keyCount = isEstimate
      ? Math.max(0, Math.round(fraction * total) - arrived)
      : (source.leavingTo.get(to) ?? 0);
    left.push({ from, to, keyCount });
  }
  const leftCount = left.reduce((sum, { keyCount }) => sum + keyCount, 0);
  return { left, leftCount, movedCount, isEstimate };
}
