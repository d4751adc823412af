import { sleep } from './pace.js';
import type { UnmanagedConnection } from './plan.js';
import { FINGERPRINT_LENGTH, fieldOf, NAME_PREFIX } from './ring-check.js';
import type { Send } from './send.js';

/**
 * How often to look again: connections that have just been opened do not follow yet, and connections to nodes that have just
 * been removed are being closed.
 */
const TRIES = 5;

const WAIT_MS = 100;

/** A node whose connections are looked at. */
export interface ListedNode {
  readonly name: string;
  readonly database: number;
  readonly send: Send;
}

/**
 * Finds connected stores that would not follow a change. A connection of a store has a name with the fingerprint of
 * its ring, or the library's tag. It follows changes if the flag `t` shows that it is tracking. Only connections that
 * use the node's database count.
 *
 * @param fingerprint of the ring that all stores must have, if there is no record that they follow
 * @throws DRedisError
 */
export async function findUnmanaged(
  nodes: readonly ListedNode[],
  fingerprint: string | undefined,
): Promise<readonly UnmanagedConnection[]> {
  const expected = fingerprint?.slice(0, FINGERPRINT_LENGTH);
  for (let tries = 1; ; tries += 1) {
    const found = await Promise.all(
      nodes.map(async (node) => {
        const list = await node.send((commands) => commands.clientList());
        return unmanagedIn(list, node, expected);
      }),
    );
    const unmanaged = found.flat();
    if (tries === TRIES || unmanaged.length === 0) return unmanaged;
    await sleep(WAIT_MS);
  }
}

/** A connection of a store. */
export interface StoreConnection {
  readonly address: string;
  /** Name of the connection: the fingerprint of the store's ring, or a name that the program has chosen. */
  readonly name: string;
  /** Whether the server tells the store when the topology changes. */
  readonly isTracking: boolean;
}

/**
 * The connections of stores to a database in a reply to CLIENT LIST: those whose names begin as the store's do, or with
 * the library's tag. Before Redis 7.2, a server does not tell the library of a client, so a store whose client has a
 * name of its own is not found. Connections of operators and of the command line do not count.
 */
export function storesIn(clientList: string, database: number): readonly StoreConnection[] {
  const stores: StoreConnection[] = [];
  for (const line of clientList.split('\n')) {
    const name = fieldOf(line, 'name') ?? '';
    if (!isStore(line) || fieldOf(line, 'db') !== String(database)) continue;
    const isTracking = fieldOf(line, 'flags')?.includes('t') ?? false;
    stores.push({ name, address: fieldOf(line, 'addr') ?? '', isTracking });
  }
  return stores;
}

/** The ids of all connections of stores, to any database. */
export function storeIdsIn(clientList: string): readonly number[] {
  return clientList.split('\n').flatMap((line) => (isStore(line) ? [Number(fieldOf(line, 'id'))] : []));
}

function isStore(line: string): boolean {
  const name = fieldOf(line, 'name') ?? '';
  return name.startsWith(NAME_PREFIX) || (fieldOf(line, 'lib-name')?.includes('(keyv-dredis)') ?? false);
}

function unmanagedIn(
  list: string,
  { name: node, database }: ListedNode,
  fingerprint: string | undefined,
): readonly UnmanagedConnection[] {
  const found: UnmanagedConnection[] = [];
  for (const { name, address, isTracking } of storesIn(list, database)) {
    const connection = { node, name, address };
    const isNamed = name.startsWith(NAME_PREFIX);
    const isOther = isNamed && fingerprint !== undefined && name.slice(NAME_PREFIX.length) !== fingerprint;
    if (!isTracking) found.push({ ...connection, reason: 'not-told' });
    else if (isOther) found.push({ ...connection, reason: 'other-ring' });
  }
  return found;
}

/** Connections that are listed in a message. */
const MAX_LISTED = 10;

/** Why a change is refused because of connected stores, and what force does. */
export function sentencesFor(unmanaged: readonly UnmanagedConnection[]): readonly string[] {
  const notTold = unmanaged.filter(({ reason }) => reason === 'not-told');
  const otherRing = unmanaged.filter(({ reason }) => reason === 'other-ring');
  const sentences: string[] = [];
  if (notTold.length > 0) {
    sentences.push(
      `${count(notTold)} will not be told of the change: ${listed(notTold)}. These processes have the option topology ` +
        '"fixed", clients of their own, RESP 2 or an older version of keyv-dredis. Stop them, or start them again with ' +
        'topology "shared". With force, the change starts nevertheless: they go on with their old nodes, so they read ' +
        'old values, and the others do not see what they write',
    );
  }
  if (otherRing.length > 0) {
    sentences.push(
      `${count(otherRing)} with other nodes or weights: ${listed(otherRing)}. Pass the nodes and weights that all ` +
        'processes have. With force, the change starts nevertheless: these processes change to the new nodes, too, and ' +
        'what they wrote to other nodes is lost',
    );
  }
  return sentences;
}

function count({ length }: readonly unknown[]): string {
  return `${length} ${length === 1 ? 'connection of a store' : 'connections of stores'}`;
}

function listed(connections: readonly UnmanagedConnection[]): string {
  const texts = connections.map(({ node, address, name }) => `${address} (${name || 'no name'}) on ${node}`);
  const rest = texts.length - MAX_LISTED;
  return rest > 0 ? `${texts.slice(0, MAX_LISTED).join(', ')} and ${rest} more` : texts.join(', ');
}
