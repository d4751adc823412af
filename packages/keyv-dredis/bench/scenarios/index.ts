import type { Scenario } from '../harness/scenario.js';
import { clear, iterator } from './clear.js';
import { frozen } from './frozen.js';
import { get } from './get.js';
import { hotKeys } from './hot-keys.js';
import { getMany, setMany } from './many.js';
import { mixed } from './mixed.js';
import { nodes } from './nodes.js';
import { set, setWithTtl } from './set.js';
import { sockets } from './sockets.js';

/** In the order in which they are played; the one that needs 64 servers comes last. */
export const SCENARIOS: readonly Scenario[] = [
  get,
  set,
  setWithTtl,
  mixed,
  hotKeys,
  getMany,
  setMany,
  clear,
  iterator,
  frozen,
  sockets,
  nodes,
] as readonly Scenario[];

export function scenario(name: string): Scenario {
  const found = SCENARIOS.find((one) => one.name === name);
  if (found === undefined) {
    throw new Error(
      `there is no scenario "${name}"; there are ${SCENARIOS.map((one) => one.name).join(', ')}`,
    );
  }
  return found;
}
