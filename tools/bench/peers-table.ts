import { type Results, series } from './harness/results.js';
import { spreadOf } from './harness/statistics.js';
import type { Table } from './harness/tables.js';

/** The contestants that the README compares the store with. */
const PEERS = [
  { id: 'keyv-redis', label: '@keyv/redis, 1 server' },
  { id: 'spread', label: 'node-redis by hand, 4 servers' },
] as const;

/** One row in the README's table. */
interface Row {
  readonly label: string;
  readonly scenario: string;
  readonly table: string;
  readonly column: string;
  /** With `calls`, more is better. With `seconds`, less is better. */
  readonly unit: 'calls' | 'seconds';
}

const GET = { scenario: 'get', table: 'GET, values of 100 bytes', unit: 'calls' } as const;
const SET = { scenario: 'set', table: 'SET, values of 100 bytes', unit: 'calls' } as const;

const ROWS: readonly Row[] = [
  { label: '`get`, 1 caller', column: '1 caller', ...GET },
  { label: '`get`, 8 callers', column: '8 callers', ...GET },
  { label: '`get`, 64 callers', column: '64 callers', ...GET },
  { label: '`get`, 512 callers', column: '512 callers', ...GET },
  { label: '`set`, 8 callers', column: '8 callers', ...SET },
  { label: '`set`, 512 callers', column: '512 callers', ...SET },
  {
    label: '`getMany` of 100 keys, 8 callers',
    scenario: 'get-many',
    table: 'getMany, values of 100 bytes, 8 callers',
    column: '100 keys',
    unit: 'calls',
  },
  {
    label: '`setMany` of 100 keys, 8 callers',
    scenario: 'set-many',
    table: 'setMany, values of 100 bytes, 8 callers',
    column: '100 keys',
    unit: 'calls',
  },
  {
    label: '`clear` of 1,000,000 keys',
    scenario: 'clear',
    table: 'clear',
    column: '1,000,000 keys',
    unit: 'seconds',
  },
  {
    label: '`iterator` over 1,000,000 keys',
    scenario: 'iterator',
    table: 'iterator',
    column: '1,000,000 keys',
    unit: 'seconds',
  },
];

/**
 * Compares the store's speed with each peer in each run. A cell is the ratio of the medians. It is empty if
 * the peer does not support the call.
 */
export function peersTable(runs: readonly Results[]): Table {
  const columns = PEERS.flatMap((peer) => runs.map((results) => ({ peer, results })));
  return {
    title: "The store's speed relative to its peers",
    header: [
      '',
      ...columns.map(({ peer, results }) => `${peer.label}, Node.js ${majorOf(results.machine.node)}`),
    ],
    rows: ROWS.map((row) => [
      row.label,
      ...columns.map(({ peer, results }) => cellOf(results, row, peer.id)),
    ]),
  };
}

/** Describes a run's versions, machine, rounds and date in one sentence. */
export function peersNote({ machine, takenAt, scenarios }: Results): string {
  const { node, redis, cpu, cpuCount, packages, commit } = machine;
  const roundCount = Math.max(
    ...scenarios.flatMap(({ scores }) => scores.map(({ rounds }) => rounds.length)),
  );
  return (
    `Node.js ${node}, Redis ${redis}, node-redis ${packages['redis']}, @keyv/redis ${packages['@keyv/redis']}, ` +
    `${cpu} with ${cpuCount} cores: medians of ${roundCount} rounds, ${takenAt.slice(0, 10)}, commit ${commit}.`
  );
}

function cellOf(results: Results, { scenario, table, column, unit }: Row, peer: string): string {
  const metric = unit === 'calls' ? 'opsPerSecond' : 'seconds';
  const [ours, theirs] = ['dredis', peer].map((id) => series(results, scenario, id, column, metric, table));
  if (ours === undefined || theirs === undefined) return '';
  const ratio = spreadOf(ours).median / spreadOf(theirs).median;
  return `${(unit === 'calls' ? ratio : 1 / ratio).toFixed(1)} x`;
}

/** @param version for example `v20.20.2` */
function majorOf(version: string): string {
  return version.replace(/^v(\d+).*/, '$1');
}
