import type { StoreConnection } from '../membership/connected-stores.js';
import { OPERATOR_TAG } from '../membership/operator.js';
import { NAME_PREFIX, shortFingerprint } from '../membership/ring-check.js';
import type { Fleet, Member } from './fleet.js';
import { plural } from './numbers.js';
import type { Problem } from './output.js';

/** Whether a program that changes the topology is connected. */
export function hasOperator(clientList: string): boolean {
  return clientList.includes(` name=${OPERATOR_TAG} `) || clientList.includes(`(${OPERATOR_TAG})`);
}

/** Whether a store uses the ring of the fleet; undefined if its connection does not tell. */
export function agrees({ name }: StoreConnection, { snapshot, previous }: Fleet): boolean | undefined {
  if (!name.startsWith(NAME_PREFIX)) return undefined;
  const fingerprint = name.slice(NAME_PREFIX.length);
  // A process that is idle when the topology changes renames its connection a moment later.
  return [snapshot, previous].some((each) => each !== undefined && shortFingerprint(each) === fingerprint);
}

/** Stores that do not follow the topology, on one node. */
export function storeProblems(
  { node }: Member,
  stores: readonly StoreConnection[],
  fleet: Fleet,
): readonly Problem[] {
  const problems: string[] = [];
  const fixed = fleet.record === undefined ? [] : stores.filter(({ isTracking }) => !isTracking);
  if (fixed.length > 0) {
    problems.push(
      `${plural(fixed.length, 'store')} that cannot be told when the topology changes, for example ` +
        `${exampleOf(fixed)}: stop these processes, or start them with a version and options of keyv-dredis that ` +
        'follow the topology record',
    );
  }
  const others = new Map<string, StoreConnection[]>();
  for (const store of stores) {
    if (fixed.includes(store) || agrees(store, fleet) !== false) continue;
    others.set(store.name, [...(others.get(store.name) ?? []), store]);
  }
  const own = shortFingerprint(fleet.snapshot);
  const advice =
    fleet.record === undefined
      ? 'if they share this cache, give all processes the same locations and weights'
      : 'if it is still so in a minute, start these processes again';
  for (const [name, connections] of others) {
    problems.push(
      `${plural(connections.length, 'store')} with another ring (fingerprint ${name.slice(NAME_PREFIX.length)}, ` +
        `not ${own}), for example ${exampleOf(connections)}: ${advice}`,
    );
  }
  return problems.map((message) => ({ node: node.name, message }));
}

function exampleOf([first]: readonly StoreConnection[]): string {
  const { address, name } = first as StoreConnection;
  return name === '' || name.startsWith(NAME_PREFIX) ? address : `${address} (${name})`;
}
