import type { Absence } from '../node/absence.js';
import { fullRingOf } from '../sharding/topology.js';

/** A node in a topology record. */
export interface RecordedNode {
  /** The node's identity on the ring. */
  readonly name: string;
  /** `host:port`, `[IPv6]:port` or `unix:/path`, as the process that made the change reaches the server. */
  readonly address: string;
  /** Redis database number. */
  readonly database: number;
  /** Share of the keys, relative to the other nodes' weights. A node with weight 0 only votes. */
  readonly weight: number;
  /** Undefined if the node serves its keys. */
  readonly state?: Absence | undefined;
  /**
   * Id of the logs of the writes that the node misses while it is away. Undefined if they would not be complete: then
   * everything on the node counts as old.
   */
  readonly log?: string | undefined;
}

/**
 * Who owns which keys, for all processes that use the cache. Every server holds the same record as JSON text under
 * `%dredis:topology`. A cache without a record is in epoch 0: each process uses its own list of locations.
 */
export interface TopologyRecord {
  /** Counts the decisions, from 1. */
  readonly epoch: number;
  /** Random id of the cache, chosen by the first change. It tells apart the records of different caches. */
  readonly cache: string;
  /** `moving`: entries move from the owners of `previous` to those of `nodes`. */
  readonly phase: 'settled' | 'moving';
  readonly nodes: readonly RecordedNode[];
  /** The nodes before; undefined unless entries move. */
  readonly previous?: readonly RecordedNode[] | undefined;
  /** How long a process may use the nodes after a majority has answered, in milliseconds. See TimeLease. */
  readonly leaseMs: number;
  /** Fingerprint of the ring of `nodes`. A process that computes another one must not use the record. */
  readonly fingerprint: string;
}

/** The version of the record's format. */
const FORMAT = 1;

/** A server holds a record that this version cannot use. */
export class UnusableRecordError extends Error {
  override readonly name = 'UnusableRecordError';
}

/**
 * The beginning of a record's text up to its epoch and cache, as the scripts on the servers compare it. Two records
 * of one cache with the same beginning are equal, because an epoch is decided once.
 */
export function recordHead({ epoch, cache }: Pick<TopologyRecord, 'epoch' | 'cache'>): string {
  return `{"epoch":${epoch},"cache":${JSON.stringify(cache)},`;
}

/** The record as text. The fields are in a fixed order, because {@link recordHead} is the beginning. */
export function formatRecord(record: TopologyRecord): string {
  const { phase, nodes, previous, leaseMs, fingerprint } = record;
  const rest = JSON.stringify({ format: FORMAT, phase, fingerprint, leaseMs, nodes, previous });
  return recordHead(record) + rest.slice(1);
}

/**
 * Parses a record.
 *
 * @throws UnusableRecordError if a newer version of this package wrote it, or if it is damaged
 */
export function parseRecord(text: string): TopologyRecord {
  if (text !== lastParsed?.text) lastParsed = { text, record: parse(text) };
  return lastParsed.record;
}

/** All nodes hold the same text, and to check the fingerprint takes milliseconds. */
let lastParsed: { readonly text: string; readonly record: TopologyRecord } | undefined;

function parse(text: string): TopologyRecord {
  let parsed: Partial<TopologyRecord> & { readonly format?: unknown };
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new UnusableRecordError('its topology record is damaged: it is not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null) {
    throw new UnusableRecordError('its topology record is damaged: it is not an object');
  }
  const { format, epoch, cache, phase, nodes, previous, leaseMs, fingerprint } = parsed;
  if (format !== FORMAT) {
    throw new UnusableRecordError(
      `its topology record has the format ${JSON.stringify(format)}, and this version of keyv-dredis knows ${FORMAT}; update keyv-dredis`,
    );
  }
  const isUsable =
    Number.isSafeInteger(epoch) &&
    Number(epoch) > 0 &&
    typeof cache === 'string' &&
    (phase === 'settled' || phase === 'moving') &&
    isNodeList(nodes) &&
    (phase === 'moving' ? isNodeList(previous) : previous === undefined) &&
    Number.isSafeInteger(leaseMs) &&
    Number(leaseMs) > 0 &&
    typeof fingerprint === 'string';
  if (!isUsable) throw new UnusableRecordError('its topology record is damaged: a field is missing or wrong');
  if (fingerprintOf(nodes as readonly RecordedNode[]) !== fingerprint) {
    throw new UnusableRecordError(
      'its topology record has a ring that this version of keyv-dredis computes in another way; use the same version in all processes',
    );
  }
  return { epoch, cache, phase, nodes, previous, leaseMs, fingerprint } as TopologyRecord;
}

/** Fingerprint of the ring of these nodes, as if none was away. */
export function fingerprintOf(nodes: readonly RecordedNode[]): string {
  return fullRingOf(nodes).fingerprint();
}

const ABSENCES: ReadonlySet<unknown> = new Set(['leaving', 'away', 'returning'] satisfies Absence[]);

function isNodeList(nodes: unknown): nodes is readonly RecordedNode[] {
  return Array.isArray(nodes) && nodes.every(isNode) && nodes.some(({ weight }) => weight > 0);
}

function isNode(node: Partial<RecordedNode> | null): boolean {
  return (
    typeof node?.name === 'string' &&
    typeof node.address === 'string' &&
    Number.isInteger(node.database) &&
    Number(node.weight) >= 0 &&
    (node.state === undefined || ABSENCES.has(node.state)) &&
    (node.log === undefined || typeof node.log === 'string')
  );
}
