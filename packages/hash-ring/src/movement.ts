/** What moves between two rings, as fractions of the hash space. */
export interface Movement {
  /** How much changes owner, from 0 to 1: the sum of all flows. */
  readonly fraction: number;
  /** From whom to whom, the largest first. `undefined` stands for nobody, where a ring is empty. */
  readonly flows: readonly Flow[];
}

export interface Flow {
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly fraction: number;
}

/** A point of a ring and the name of its node. */
export type RingPoint = readonly [point: number, name: string];

/** How many hashes there are. A fraction is a whole number of them divided by this, so nothing is rounded. */
const HASH_SPACE = 2 ** 32;

/** What changes owner from one ring to another, by their points clockwise. O(p) for the points of both. */
export function movement(before: Iterable<RingPoint>, after: Iterable<RingPoint>): Movement {
  const givers = wholeSpace(before);
  const takers = wholeSpace(after);
  const moved = new Map<string | undefined, Map<string | undefined, number>>();
  for (let start = 0, i = 0, j = 0; start < HASH_SPACE; ) {
    const [lastOfGiver, from] = givers[i] as RingPoint;
    const [lastOfTaker, to] = takers[j] as RingPoint;
    // From here to the next point of either, all hashes have the same two owners.
    const end = Math.min(lastOfGiver, lastOfTaker) + 1;
    if (from !== to && start < end) {
      const flows = moved.get(from) ?? new Map<string | undefined, number>();
      moved.set(from, flows.set(to, (flows.get(to) ?? 0) + (end - start) / HASH_SPACE));
    }
    if (lastOfGiver < end) i++;
    if (lastOfTaker < end) j++;
    start = end;
  }
  const flows = Array.from(moved).flatMap(([from, flows]) =>
    Array.from(flows, ([to, fraction]) => ({ from, to, fraction })),
  );
  flows.sort((a, b) => b.fraction - a.fraction);
  return { fraction: flows.reduce((sum, flow) => sum + flow.fraction, 0), flows };
}

/** A ring's points, and behind them the last hash there is, whose owner is that of the first point. */
function wholeSpace(points: Iterable<RingPoint>): (readonly [last: number, name: string | undefined])[] {
  const all: (readonly [number, string | undefined])[] = Array.from(points);
  all.push([HASH_SPACE - 1, all[0]?.[1]]);
  return all;
}
