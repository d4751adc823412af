import { TOPOLOGY_KEY } from '../../src/format/reserved-keys.js';
import { formatRecord, type TopologyRecord } from '../../src/membership/record.js';
import { connectClient } from './clients.js';

/** Writes a topology record to servers, as a change does. */
export async function writeRecord(locations: readonly string[], record: TopologyRecord): Promise<void> {
  for (const location of locations) {
    await (await connectClient(location)).set(TOPOLOGY_KEY, formatRecord(record));
  }
}
