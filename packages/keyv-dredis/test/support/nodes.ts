import { parseLocations } from '../../src/config/locations.js';
import type { DRedisStoreOptions } from '../../src/config/options.js';
import { resolveOptions } from '../../src/config/validation.js';

import { noop } from '../../src/connection/connection.js';
import type { Location } from '../../src/index.js';
import type { RecordedNode, TopologyRecord } from '../../src/membership/record.js';
import { fingerprintOf } from '../../src/membership/record.js';
import { NO_RECOVERY } from '../../src/node/no-recovery.js';
import { Node } from '../../src/node/node.js';
import { onCleanUp } from './clean-up.js';

/** Opens a node without a store. The clean-up closes it. */
export function openNode(location: Location, options: DRedisStoreOptions = {}): Node {
  const resolved = resolveOptions(options);
  const [description] = parseLocations([location], resolved);
  if (description === undefined) throw new Error('parseLocations() returned no node');
  const node = new Node(description, resolved, { changed: noop, failed: noop }, NO_RECOVERY);
  onCleanUp(() => node.close());
  return node;
}

/** The nodes of a record, from `host:port` and weight. */
export function recordedNodes(locations: readonly string[], weight = 1): RecordedNode[] {
  return locations.map((location) => ({ name: location, address: location, database: 0, weight }));
}

/** A record for tests. */
export function makeRecord(
  epoch: number,
  locations: readonly string[],
  changes: Partial<TopologyRecord> = {},
): TopologyRecord {
  const nodes = recordedNodes(locations);
  const fingerprint = fingerprintOf(nodes);
  return { epoch, cache: 'c1', phase: 'settled', nodes, leaseMs: 1000, fingerprint, ...changes };
}
