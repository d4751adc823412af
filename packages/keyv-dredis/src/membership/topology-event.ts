import type { TopologyEvent } from '../errors/reporter.js';
import { statesIn } from './node-states.js';
import type { TopologyRecord } from './record.js';

/** What the events `topology:moving` and `topology:changed` tell of a record. */
export function topologyEvent(record: TopologyRecord): TopologyEvent {
  const { epoch, nodes, previous, fingerprint } = record;
  return {
    epoch,
    nodes: nodes.map(({ name }) => name),
    previous: previous?.map(({ name }) => name),
    states: Object.fromEntries(statesIn(record)),
    fingerprint,
  };
}
