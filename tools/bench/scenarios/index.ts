import type { Scenario } from '../harness/scenario.js';
import { clear, iterator } from './clear.js';
import { failures } from './failures.js';
import { frozen } from './frozen.js';
import { get } from './get.js';
import { has, remove } from './has-delete.js';
import { hotKeys } from './hot-keys.js';
import { getMany, setMany } from './many.js';
import { mixed } from './mixed.js';
import { mover } from './mover.js';
import { nodes } from './nodes.js';
import { reshard } from './reshard.js';
import { set, setWithTtl } from './set.js';
import { settled } from './settled.js';
import { sockets } from './sockets.js';

/** The scenarios that run by default, in this order. The scenario with 64 servers comes last. */
export const SCENARIOS: readonly Scenario[] = [
  get,
  set,
  setWithTtl,
  has,
  remove,
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

/** Scenarios that run only if they are named. */
const OPTIONAL_SCENARIOS = [failures, reshard, mover, settled] as unknown as readonly Scenario[];

/** The names of all scenarios. */
export const SCENARIO_NAMES = [...SCENARIOS, ...OPTIONAL_SCENARIOS].map(({ name }) => name);

/** @throws Error if there is no scenario with this name */
export function scenario(name: string): Scenario {
  const found = [...SCENARIOS, ...OPTIONAL_SCENARIOS].find((candidate) => candidate.name === name);
  if (found === undefined) {
    throw new Error(`the scenario must be one of ${SCENARIO_NAMES.join(', ')}; got "${name}"`);
  }
  return found;
}
