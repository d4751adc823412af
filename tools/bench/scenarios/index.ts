import type { Scenario } from '../harness/scenario.js';
import { clear, iterator } from './clear.js';
import { failures } from './failures.js';
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

/** Those that are only played when they are asked for. */
const OTHERS = [failures] as unknown as readonly Scenario[];

export function scenario(name: string): Scenario {
  const found = [...SCENARIOS, ...OTHERS].find((one) => one.name === name);
  if (found === undefined) {
    throw new Error(
      `there is no scenario "${name}"; there are ${[...SCENARIOS, ...OTHERS].map((one) => one.name).join(', ')}`,
    );
  }
  return found;
}
