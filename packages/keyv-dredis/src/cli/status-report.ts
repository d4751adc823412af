import type { StoreConnection } from '../membership/connected-stores.js';
import type { Absence } from '../node/absence.js';
import { bytes, count, percent, plural, weightOf } from './numbers.js';
import { type Column, green, type Output, type Problem, red, yellow } from './output.js';

/** A connection of a store. */
interface StoreReport extends StoreConnection {
  /** Whether it uses the ring of the cache; null if it does not tell. */
  readonly agrees: boolean | null;
}

/** One node. A field is null if the node is down, or does not tell it. */
export interface NodeReport {
  readonly node: string;
  readonly address: string;
  /** Whether this program can reach the node. */
  readonly state: 'up' | 'down';
  /** The node's state in the topology record. `in`: in service. */
  readonly recorded: 'in' | Absence;
  /** Of the topology record that the node holds; 0 if it holds none. */
  readonly epoch: number | null;
  /** 0 for a witness, which holds no keys; null if the node leaves the cache. */
  readonly weight: number | null;
  readonly share: number;
  readonly idealShare: number;
  readonly keyCount: number | null;
  readonly isEstimate: boolean;
  readonly usedBytes: number | null;
  /** Null if there is no limit. */
  readonly maxBytes: number | null;
  /** Part of the server's reads that found a key, since its start. */
  readonly hitRate: number | null;
  /** Since the server's start. */
  readonly evictedCount: number | null;
  /** Now. */
  readonly evictedPerSecond: number;
  readonly stores: readonly StoreReport[] | null;
}

/** How far an unfinished change has come. */
export interface ChangeReport {
  /** Part of the keys that has moved, from 0 to 1. */
  readonly fraction: number;
  /** Keys that still have to move. */
  readonly leftCount: number;
  readonly isEstimate: boolean;
  /** The node that keys move back to, after it was away; null if an operator changes the servers. */
  readonly backTo: string | null;
  /** Whether a program goes on with the change. Stores go on with a move back. */
  readonly isRunning: boolean;
}

export interface StatusReport {
  readonly isFine: boolean;
  /** Epoch of the topology record; 0 if there is none. */
  readonly epoch: number;
  readonly phase: 'settled' | 'moving';
  readonly fingerprint: string;
  readonly nodes: readonly NodeReport[];
  /** Null unless keys move between two rings. */
  readonly change: ChangeReport | null;
  readonly problems: readonly Problem[];
  /** What is worth knowing, although nothing is wrong. */
  readonly notes: readonly Problem[];
}

export function printStatus(report: StatusReport, output: Output): void {
  const { nodes, problems, notes, fingerprint, epoch } = report;
  const hasAddresses = nodes.some(({ node, address }) => node !== address);
  const columns: readonly Column[] = [
    { title: 'node', isText: true },
    ...(hasAddresses ? [{ title: 'address', isText: true }] : []),
    { title: 'state', isText: true },
    ...(epoch > 0 ? [{ title: 'epoch' }] : []),
    ...['weight', 'share', 'ideal', 'keys', 'memory', 'hit rate', 'evicted', 'stores'].map((title) => ({
      title,
    })),
  ];
  output.table(
    columns,
    nodes.map((node) => [
      node.node,
      ...(hasAddresses ? [node.address] : []),
      stateOf(node),
      ...(epoch > 0 ? [orUnknown(node.epoch, count)] : []),
      node.weight === null ? 'leaves' : weightOf(node.weight),
      percent(node.share),
      percent(node.idealShare),
      orUnknown(node.keyCount, (value) => (node.isEstimate ? '~' : '') + count(value)),
      memoryOf(node),
      orUnknown(node.hitRate, percent),
      orUnknown(node.evictedCount, count),
      orUnknown(node.stores, (stores) => count(stores.length)),
    ]),
  );
  output.line();
  const isFine = problems.length === 0 ? 'Everything is fine.' : 'Something is wrong.';
  const topology = epoch === 0 ? 'no topology record' : `epoch ${epoch}`;
  output.line(`${isFine} ${plural(nodes.length, 'server')}, ring ${fingerprint.slice(0, 8)}, ${topology}.`);
  if (report.change !== null) output.line(describeChange(report.change));
  output.problems(problems);
  output.notes(notes);
}

/** What has been decided about a node, else whether it can be reached. */
function stateOf({ state, recorded }: NodeReport): string {
  if (recorded === 'away') return red(recorded);
  if (recorded !== 'in') return yellow(recorded);
  return state === 'up' ? green(state) : red(state);
}

function describeChange({ fraction, leftCount, isEstimate, backTo }: ChangeReport): string {
  const left = `${isEstimate ? 'about ' : ''}${plural(leftCount, 'key')} ${leftCount === 1 ? 'is' : 'are'} left`;
  // A node that was away has most of its keys already.
  if (backTo !== null) return `Keys move back to ${backTo}: ${left}.`;
  return `Keys move to another ring: ${percent(fraction)} have moved, ${left}.`;
}

function memoryOf({ usedBytes, maxBytes }: NodeReport): string {
  const used = orUnknown(usedBytes, bytes);
  return maxBytes === null ? used : `${used} of ${bytes(maxBytes)}`;
}

function orUnknown<T>(value: T | null | undefined, format: (value: T) => string): string {
  return value === null || value === undefined ? '-' : format(value);
}
