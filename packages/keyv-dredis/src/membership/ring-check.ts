import type { RedisClient } from '../connection/redis-client.js';
import type { Reporter } from '../errors/reporter.js';
import type { Node } from '../node/node.js';
import { MAINTENANCE } from '../node/send-options.js';
import type { RingOfNodes, Topology } from '../sharding/topology.js';
import type { TopologyRecord } from './record.js';

/** Digits of a fingerprint in the name of a connection. */
export const FINGERPRINT_LENGTH = 12;

/** Computed once per ring and not on each connection, because it hashes all points of the ring. */
const fingerprints = new WeakMap<RingOfNodes, string>();

/** The fingerprint of a snapshot's ring. */
export function fingerprintOf(snapshot: RingOfNodes): string {
  let fingerprint = fingerprints.get(snapshot);
  if (fingerprint === undefined) {
    fingerprint = snapshot.ring.fingerprint();
    fingerprints.set(snapshot, fingerprint);
  }
  return fingerprint;
}

/** The fingerprint that connections of stores with a ring have in their names. */
export function shortFingerprint(snapshot: RingOfNodes): string {
  return fingerprintOf(snapshot).slice(0, FINGERPRINT_LENGTH);
}

/** Which stores use a client of the caller, and have named its connection. */
const clientUsers = new WeakMap<RedisClient, Set<RingCheck>>();

/** Beginning of the name that CLIENT LIST shows for the store's connections. */
export const NAME_PREFIX = 'keyv-dredis_';

/** Processes on a server whose ring differs from the ring of this process. */
export interface OtherRing {
  readonly node: string;
  /** Fingerprint of this process's ring. */
  readonly own: string;
  /** Fingerprint of the other ring. */
  readonly other: string;
  readonly connectionCount: number;
  /** Address of one of these connections, as the server sees it. */
  readonly address: string;
}

/**
 * Finds processes that use another ring on the same servers, for example because their locations or weights
 * differ. Such processes do not see each other's writes. Each connection has the fingerprint of its ring in its
 * name, so CLIENT LIST shows the rings of all processes, and no key is necessary.
 */
export class RingCheck {
  readonly #topology: Topology;
  readonly #onOtherRing: (ring: OtherRing) => void;
  /** The fingerprint that was last compared on each node. */
  readonly #compared = new WeakMap<Node, string>();
  /** The fingerprint in the name of each node's connection. */
  readonly #announced = new WeakMap<Node, string>();

  constructor(topology: Topology, onOtherRing: (ring: OtherRing) => void) {
    this.#topology = topology;
    this.#onOtherRing = onOtherRing;
  }

  /**
   * Names a connection, and compares the rings. Runs on each new connection, and after each change of the ring. Never
   * rejects.
   *
   * @param followed settles once the node has told its topology record, which may have another ring
   */
  async announce(node: Node, followed?: Promise<void>): Promise<void> {
    const { snapshot } = this.#topology;
    if (!isNameable(node) || !snapshot.allNodes.includes(node)) return;
    const own = shortFingerprint(snapshot);
    // Processes that follow a record have different rings for a moment only.
    const isCompared = snapshot.epoch > 0 || this.#compared.get(node) === own;
    this.#compared.set(node, own);
    this.#announced.set(node, own);
    try {
      if (!node.isManaged && !(await this.#isUnnamed(node))) return;
      if (!node.isManaged) this.#uses(node.client);
      const [, self, all] = await node.run(
        (commands) =>
          Promise.all([
            commands.setConnectionName(NAME_PREFIX + own),
            ...(isCompared ? [] : [commands.clientInfo(), commands.clientList()]),
          ]),
        MAINTENANCE,
      );
      if (self === undefined || all === undefined) return;
      await followed;
      if (this.#topology.snapshot.epoch > 0) return;
      for (const other of otherRings(own, fieldOf(self, 'db'), all)) {
        this.#onOtherRing({ node: node.name, ...other });
      }
    } catch {
      // The server does not allow these commands. They only serve this check.
    }
  }

  /** Announces the ring again if it has changed since the connection was named. Never rejects. */
  async rename(node: Node): Promise<void> {
    if (this.#announced.get(node) !== shortFingerprint(this.#topology.snapshot)) await this.announce(node);
  }

  #uses(client: RedisClient): void {
    const users = clientUsers.get(client) ?? new Set();
    clientUsers.set(client, users.add(this));
  }

  /** Whether the caller has not given a name to the connection of his client. */
  async #isUnnamed(node: Node): Promise<boolean> {
    const name = fieldOf(await node.run((commands) => commands.clientInfo(), MAINTENANCE), 'name') ?? '';
    return name === '' || name.startsWith(NAME_PREFIX);
  }

  /** Takes the names from the clients of the caller, which stay open when the store is disconnected. Never rejects. */
  async withdraw(): Promise<void> {
    const named = this.#topology.snapshot.allNodes.filter(
      (node) => !node.isManaged && node.isAvailable && this.#announced.has(node),
    );
    await Promise.allSettled(
      named.map(async (node) => {
        const users = clientUsers.get(node.client);
        users?.delete(this);
        if ((users?.size ?? 0) > 0 || !(await this.#isUnnamed(node))) return;
        await node.run((commands) => commands.setConnectionName(''), MAINTENANCE);
      }),
    );
  }

  /** Announces the ring on every node that is connected. */
  announceAll(): void {
    for (const node of this.#topology.snapshot.allNodes) if (node.isRecovered) void this.announce(node);
  }
}

/**
 * Whether the store may name the connection. A name in the client's options stays. A pool has many connections, and a
 * sentinel client changes its connections.
 */
function isNameable({ client }: Node): boolean {
  const isOneConnection = client.isReady !== undefined && !('getSentinelNode' in client);
  return isOneConnection && client.options?.name === undefined;
}

/** Warns that a process cannot follow the record of its cache. */
export function warnOfRecord(reporter: Reporter, { epoch }: TopologyRecord, reason: string): void {
  const message =
    `The topology of this cache has been changed for all its processes (epoch ${epoch}), but this process keeps to its ` +
    `own locations, because ${reason}. If the locations differ from the topology, this process does not see the writes ` +
    'of others';
  reporter.warnOnce('DREDIS_TOPOLOGY_FIXED', message);
}

/** Warns once per other ring. */
export function warnOfRing(
  reporter: Reporter,
  { node, own, other, connectionCount, address }: OtherRing,
): void {
  const code = 'DREDIS_RINGS_DIFFER';
  const message =
    `Node ${node} has ${connectionCount} connections of stores with another ring (fingerprint ${other}, for example ` +
    `from ${address}; this process has ${own}). If these stores share a cache, they do not see each other's writes. ` +
    'Give all processes the same locations and weights';
  reporter.warnOnce(code, message, `${code} ${other}`);
}

/** @param list reply to CLIENT LIST @param database number of the database that the rings have in common */
export function otherRings(
  own: string,
  database: string | undefined,
  list: string,
): readonly Omit<OtherRing, 'node'>[] {
  const rings = new Map<string, { connectionCount: number; address: string }>();
  for (const line of list.split('\n')) {
    const name = fieldOf(line, 'name') ?? '';
    if (!name.startsWith(NAME_PREFIX) || fieldOf(line, 'db') !== database) continue;
    const other = name.slice(NAME_PREFIX.length);
    const known = rings.get(other);
    if (known !== undefined) known.connectionCount += 1;
    else rings.set(other, { connectionCount: 1, address: fieldOf(line, 'addr') ?? '' });
  }
  rings.delete(own);
  return Array.from(rings, ([other, ring]) => ({ own, other, ...ring }));
}

/** A field of a line of CLIENT LIST. */
export function fieldOf(line: string, name: string): string | undefined {
  return new RegExp(`(?:^| )${name}=(\\S*)`).exec(line)?.[1];
}
