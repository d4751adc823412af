import type { PrefixSet } from '../format/prefix-set.js';
import { type StoreConnection, storesIn } from '../membership/connected-stores.js';
import { infoFields } from '../node/info-fields.js';
import type { Node } from '../node/node.js';
import { asText } from '../node/reply-shapes.js';
import { READ_ONLY } from '../node/send-options.js';
import { SCAN_START } from '../node/server-commands.js';
import { pagesAt, type Run } from '../sharding/scan.js';
import { ownerOf } from '../sharding/topology.js';
import type { Fleet, Member } from './fleet.js';
import { ask, databaseSize, unlessRefused } from './server-commands.js';
import { hasOperator } from './store-connections.js';

/** Pages that are read to count keys. */
const MAX_PAGES = 20;

/** Keys per page. */
const PAGE_SIZE = 1000;

/** Number of keys of stores on a node. */
export interface KeyCount {
  readonly count: number;
  /** While keys move: keys that have to move to other nodes, by node. */
  readonly leavingTo: ReadonlyMap<string, number>;
  /** While keys move: keys of this node that other nodes owned before, by node. */
  readonly arrivedFrom: ReadonlyMap<string, number>;
  /** Whether the numbers are computed from a sample of 20,000 keys, because the server has more. */
  readonly isEstimate: boolean;
}

/** What a server says about itself. A field is undefined if the server does not tell it. */
export interface Reading {
  readonly info: ReadonlyMap<string, string>;
  readonly keys: KeyCount | undefined;
  /** Connections of stores. */
  readonly stores: readonly StoreConnection[] | undefined;
  /** Whether a program that changes the topology is connected. */
  readonly hasOperator: boolean;
}

/** @throws DRedisError if the node fails; if it only refuses commands, the reading has less */
export async function readNode(member: Member, prefixes: PrefixSet, fleet: Fleet): Promise<Reading> {
  const { node, database } = member;
  const [info, keys, clients] = await Promise.all([
    readInfo(member),
    unlessRefused(countKeys(member, prefixes, fleet)),
    unlessRefused(ask(node, 'CLIENT', 'LIST')),
  ]);
  const list = clients === undefined ? undefined : asText('CLIENT LIST', clients);
  return {
    info,
    keys,
    stores: list === undefined ? undefined : storesIn(list, database),
    hasOperator: hasOperator(list ?? ''),
  };
}

/** The fields of INFO; none if the server refuses it. @throws DRedisError */
export async function readInfo({ node }: Member): Promise<ReadonlyMap<string, string>> {
  return infoFields((await unlessRefused(node.run((commands) => commands.info(), READ_ONLY))) ?? '');
}

/**
 * Counts the keys of stores with a bounded number of SCANs. SCAN returns keys in the order of their hashes, so the
 * first pages are a random sample, and the rest is computed from DBSIZE.
 */
export async function countKeys({ node }: Member, prefixes: PrefixSet, fleet: Fleet): Promise<KeyCount> {
  if (prefixes.size === 0) {
    return { count: 0, leavingTo: new Map(), arrivedFrom: new Map(), isEstimate: false };
  }
  const total = await databaseSize(node);
  const seen = new Set<string>();
  let pageCount = 0;
  let isComplete = false;
  const run: Run = (...request) => node.run(...request);
  const pages = pagesAt(run, (commands, cursor, cursors) => commands.scan(cursor, '*', PAGE_SIZE, cursors));
  for await (const page of pages) {
    for (const key of page.keys) seen.add(key);
    pageCount += 1;
    isComplete = page.cursor === SCAN_START;
    if (pageCount === MAX_PAGES) break;
  }
  const keys = [...seen].filter((key) => prefixes.prefixOf(key) !== undefined);
  const { leavingTo, arrivedFrom } = movementOf(keys, node, fleet);
  if (isComplete) return { count: keys.length, leavingTo, arrivedFrom, isEstimate: false };
  const estimate = (part: number) => Math.round((total * part) / seen.size);
  const estimateAll = (parts: ReadonlyMap<string, number>) =>
    new Map(Array.from(parts, ([name, part]) => [name, estimate(part)]));
  return {
    count: estimate(keys.length),
    leavingTo: estimateAll(leavingTo),
    arrivedFrom: estimateAll(arrivedFrom),
    isEstimate: true,
  };
}

/** Counts the keys of a node that have moved to it, and those that have to move from it. */
function movementOf(keys: readonly string[], node: Node, { snapshot, previous }: Fleet) {
  const [leavingTo, arrivedFrom] = [new Map<string, number>(), new Map<string, number>()];
  if (previous === undefined) return { leavingTo, arrivedFrom };
  const increment = (counts: Map<string, number>, { name }: Node) =>
    counts.set(name, (counts.get(name) ?? 0) + 1);
  for (const key of keys) {
    const [from, to] = [ownerOf(key, previous), ownerOf(key, snapshot)];
    if (from === to) continue;
    if (node === from) increment(leavingTo, to);
    else if (node === to) increment(arrivedFrom, from);
  }
  return { leavingTo, arrivedFrom };
}
