import { WrongResult } from '../../shared/wrong-result.js';
import { peakMbWhile } from '../harness/memory.js';
import type { Cell, Scenario } from '../harness/scenario.js';
import { firstEntry } from './reshard.js';

const SERVERS_BEFORE = 4;
/** The record, the state of the voter, what the store knows of the server, and its prefixes. */
const MAX_OWN_KEYS = 6;

interface MoverCell extends Cell {
  readonly keyCount: number;
  /** The servers after the change. */
  readonly target: readonly string[];
}

export const mover: Scenario<MoverCell> = {
  name: 'mover',
  about:
    '`reshard()` from four to five servers without other load. A fifth of the entries moves. Values have 100 bytes. ' +
    'Afterwards, the servers must have as many keys as before.',
  metrics: [
    {
      key: 'keysPerSecond',
      label: 'moved entries per second',
      better: 'more',
      format: (value) => value.toLocaleString('en-US', { maximumFractionDigits: 0 }),
    },
    {
      key: 'seconds',
      label: 'seconds for the whole change',
      better: 'less',
      format: (value) => value.toFixed(2),
    },
    {
      key: 'peakMb',
      label: 'peak memory of the process, MB',
      better: 'less',
      format: (value) => value.toFixed(0),
    },
  ],
  contestants: ['dredis-reshard', 'dredis-reshard-paced'],
  // Two sizes show whether memory grows with the number of keys.
  cells: (quick) =>
    (quick ? [10_000, 100_000] : [100_000, 1_000_000]).map((keyCount) => ({
      table: 'reshard() without load',
      column: `${keyCount.toLocaleString('en-US')} keys`,
      keyCount,
      target: [],
    })),
  freshProcess: true,
  beforeStart: ({ cell: { keyCount }, load }) =>
    load(keyCount, { serverCount: SERVERS_BEFORE, entryOf: firstEntry }),
  async round({ cell, servers, measure, countKeys }) {
    const values = await measure({ ...cell, target: servers.map(({ location }) => location) });
    const ownCount = (await countKeys()) - cell.keyCount;
    if (ownCount < 0 || ownCount > MAX_OWN_KEYS * servers.length) {
      throw new WrongResult('keys of the store itself', 0, ownCount);
    }
    return values;
  },
  async measure({ subject }, { target }) {
    let result = { movedCount: 0, movingMs: 0 };
    const startedAt = performance.now();
    const peakMb = await peakMbWhile(async () => {
      result = (await subject.changeServers?.(target)) ?? result;
    });
    return {
      keysPerSecond: (result.movedCount / result.movingMs) * 1_000,
      seconds: (performance.now() - startedAt) / 1_000,
      peakMb,
    };
  },
};
