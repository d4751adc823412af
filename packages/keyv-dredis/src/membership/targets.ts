import type { NodeDescription } from '../config/locations.js';
import { ChangeRefusedError } from '../errors/errors.js';
import type { Operator } from './operator.js';
import type { Target } from './plan.js';

/**
 * The present nodes and new ones.
 *
 * @throws ChangeRefusedError if one of them is there already
 */
export function targetsWith({ nodes }: Operator, added: readonly NodeDescription[]): readonly Target[] {
  const names = new Set(nodes.map(({ name }) => name));
  const present = added.filter(({ name }) => names.has(name));
  if (present.length > 0) throw new ChangeRefusedError(`${listed(present)} already in the cache`);
  return [...nodes.map(toTarget), ...added];
}

/**
 * The present nodes without some of them.
 *
 * @throws ChangeRefusedError if one of them is not there, or none would be left
 */
export function targetsWithout(operator: Operator, names: Iterable<string>): readonly Target[] {
  const removed = new Set(names);
  checkPresent(operator, removed);
  const rest = operator.nodes.filter(({ name }) => !removed.has(name));
  if (rest.length === 0) {
    throw new ChangeRefusedError('The last node cannot be removed. Add another node first');
  }
  return rest.map(toTarget);
}

/**
 * The present nodes with other weights.
 *
 * @throws ChangeRefusedError if one of them is not there
 */
export function targetsWithWeights(
  operator: Operator,
  weights: ReadonlyMap<string, number>,
): readonly Target[] {
  checkPresent(operator, weights.keys());
  return operator.nodes.map(({ name, weight }) => ({ name, weight: weights.get(name) ?? weight }));
}

function toTarget({ name, weight }: Target): Target {
  return { name, weight };
}

function checkPresent({ nodes }: Operator, names: Iterable<string>): void {
  const present = new Set(nodes.map(({ name }) => name));
  const missing = [...names].filter((name) => !present.has(name)).map((name) => ({ name }));
  if (missing.length === 0) return;
  throw new ChangeRefusedError(
    `${listed(missing)} not in the cache, whose nodes are ${[...present].join(', ')}`,
  );
}

/** Names, and the verb. */
function listed(nodes: readonly { readonly name: string }[]): string {
  const names = nodes.map(({ name }) => name).join(', ');
  return nodes.length === 1 ? `Node ${names} is` : `Nodes ${names} are`;
}
