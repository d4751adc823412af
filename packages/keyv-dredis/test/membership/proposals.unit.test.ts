import { expect, test } from '@jest/globals';
import { Proposals } from '../../src/membership/proposals.js';
import { Topology } from '../../src/sharding/topology.js';
import { makeRecord } from '../support/index.js';

// Regression: a process stood still while it swept a node that was coming back. Then it proposed the next record, made from
// the record that it had before, and undid what the others had decided: nodes that were away served old values again.
test('a record that was made from an older one is not proposed', async () => {
  const older = makeRecord(16, ['a:1', 'b:1']);
  const present = makeRecord(22, ['a:1']);
  const learned: unknown[] = [];
  const proposals = new Proposals({
    topology: new Topology(),
    record: () => present,
    ownNodes: () => [],
    leaseMs: () => 1000,
    learn: (record) => learned.push(record),
  });
  expect(await proposals.propose({ nodes: older.nodes, previous: undefined }, older)).toBe(false);
  expect(learned).toEqual([]);
});
