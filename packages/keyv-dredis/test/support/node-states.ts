import type { DRedisStore } from '../../src/index.js';

const STATE_EVENTS = ['node:suspect', 'node:down', 'node:returning', 'node:up'] as const;

/** Records the nodes' state changes from now on, as pairs of an event and a node name. */
export function recordStates(store: DRedisStore): [event: string, node: string][] {
  const states: [string, string][] = [];
  for (const event of STATE_EVENTS) store.on(event, (node) => states.push([event, node]));
  return states;
}
