/** How keys move from one ring to another, as fractions of the hash space. */
export interface Movement {
  /** The fraction of the hash space that changes its owner, from 0 to 1: the sum of all flows. */
  readonly fraction: number;
  /** The flows, largest first. */
  readonly flows: readonly Flow[];
}

/** The fraction of the hash space that moves from one node to another. */
export interface Flow {
  /** The name of the node that loses this fraction; `undefined` if the first ring is empty. */
  readonly from: string | undefined;
  /** The name of the node that gets this fraction; `undefined` if the second ring is empty. */
  readonly to: string | undefined;
  /** The fraction, from 0 to 1. */
  readonly fraction: number;
}

/** A point of a ring and the name of its node. */
export type RingPoint = readonly [point: number, name: string];

/** A range of hashes with the same owner, from the end of the previous arc up to and including `last`. */
type Arc = readonly [last: number, owner: string | undefined];

/** The number of possible hashes. It is a power of two, so dividing integers by it gives exact results. */
const HASH_SPACE = 2 ** 32;

/**
 * Compares the owners of two rings, given their points clockwise. O(p), where p counts the points of both
 * rings.
 */
export function movement(before: Iterable<RingPoint>, after: Iterable<RingPoint>): Movement {
  const arcsBefore = arcsOf(before);
  const arcsAfter = arcsOf(after);
  const moved = new Map<string | undefined, Map<string | undefined, number>>();
  for (let start = 0, i = 0, j = 0; start < HASH_SPACE; ) {
    const [lastBefore, from] = arcsBefore[i] as Arc;
    const [lastAfter, to] = arcsAfter[j] as Arc;
    // From `start` to the next point of either ring, the owner does not change in either ring.
    const end = Math.min(lastBefore, lastAfter) + 1;
    if (from !== to && start < end) {
      const flows = moved.get(from) ?? new Map<string | undefined, number>();
      moved.set(from, flows.set(to, (flows.get(to) ?? 0) + (end - start) / HASH_SPACE));
    }
    if (lastBefore < end) i++;
    if (lastAfter < end) j++;
    start = end;
  }
  const flows = Array.from(moved).flatMap(([from, flows]) =>
    Array.from(flows, ([to, fraction]) => ({ from, to, fraction })),
  );
  flows.sort((a, b) => b.fraction - a.fraction);
  return { fraction: flows.reduce((sum, flow) => sum + flow.fraction, 0), flows };
}

/** A ring's arcs. The owner of the first point also owns the arc after the last point. */
function arcsOf(points: Iterable<RingPoint>): Arc[] {
  const arcs: Arc[] = Array.from(points);
  arcs.push([HASH_SPACE - 1, arcs[0]?.[1]]);
  return arcs;
}
