import type { DRedisStore } from '../../src/index.js';

const STATE_EVENTS = ['node:suspect', 'node:down', 'node:returning', 'node:up'] as const;

/** Records the changes of the nodes' states from now on: the event, and the name of the node. */
export function recordStates(store: DRedisStore): [event: string, node: string][] {
  const states: [string, string][] = [];
  for (const event of STATE_EVENTS) store.on(event, (node) => states.push([event, node]));
  return states;
}
