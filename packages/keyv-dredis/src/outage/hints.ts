import { hintsKey } from '../format/reserved-keys.js';
import type { Node } from '../node/node.js';
import { chunksOf, yieldToEventLoop } from '../sharding/chunks.js';
import type { Topology } from '../sharding/topology.js';
import type { NamespacesInUse } from './namespaces.js';

/** A physical key whose write a node missed, or a prefix that stands for all keys that begin with it. */
export type Hint = `key ${string}` | `prefix ${string}`;

export const hintOfKey = (key: string): Hint => `key ${key}`;
export const hintOfPrefix = (prefix: string): Hint => `prefix ${prefix}`;

/** Splits hints into keys and prefixes. */
export function parseHints(hints: Iterable<string>): { keys: string[]; prefixes: string[] } {
  const keys: string[] = [];
  const prefixes: string[] = [];
  for (const hint of hints) {
    if (hint.startsWith('key ')) keys.push(hint.slice('key '.length));
    else if (hint.startsWith('prefix ')) prefixes.push(hint.slice('prefix '.length));
  }
  return { keys, prefixes };
}

/**
 * Maximum number of hints about one node, in this process or on one holder. If there are more hints, prefixes
 * replace the keys.
 */
const MAX_HINTS = 10_000;

/** Lifetime of the hints about a node, in milliseconds. It starts again with each added hint. */
const HINTS_TTL_MS = 24 * 3_600_000;

interface MissedByNode {
  readonly hints: Set<Hint>;
  /** Number of prefixes that replace keys; 0 while there are only keys. */
  prefixCount: number;
}

/**
 * Records which keys may be out of date on a node. If a node missed a write, or may have missed it, the key
 * is recorded as a hint in two places: in this process, and on a holder, which is the next available node.
 * Before a process uses a node again, it reads the hints about that node from all holders. An unnecessary
 * hint costs one miss.
 *
 * This is the hinted handoff of Dynamo (SOSP 2007, section 4.6), with one difference: a hint contains only
 * the key and not the value, because a cache can simply remove the key.
 */
export class Hints {
  readonly #topology: Topology;
  readonly #namespaces: NamespacesInUse;
  readonly #enabled: boolean;
  readonly #missed = new Map<string, MissedByNode>();
  /**
   * Hints to send at the end of the event loop turn. They are grouped by holder, and then by the name of the
   * node that missed the writes.
   */
  #outgoing = new Map<Node, Map<string, Hint[]>>();
  #sending: Promise<void> | undefined;

  /** @param enabled false turns hints off, for tests that show their effect */
  constructor(topology: Topology, namespaces: NamespacesInUse, enabled: boolean) {
    this.#topology = topology;
    this.#namespaces = namespaces;
    this.#enabled = enabled;
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  /** Removes and returns this process's hints about a node. */
  drain(node: Node): readonly Hint[] {
    const hints = [...(this.#missed.get(node.name)?.hints ?? [])];
    this.#missed.delete(node.name);
    return hints;
  }

  /**
   * Records that a node missed a write, or may have missed it.
   *
   * @param holder node that stores the hint; default: the next available node
   * @returns a promise that resolves once the holder has stored the hint or has failed to; never rejects
   */
  record(node: Node, hint: Hint, holder = this.#holderFor(node)): Promise<void> {
    if (!this.#enabled) return Promise.resolve();
    const missed = this.#missed.get(node.name) ?? { hints: new Set(), prefixCount: 0 };
    this.#missed.set(node.name, missed);
    missed.hints.add(hint);
    const isOverLimit = missed.prefixCount > 0 || missed.hints.size > MAX_HINTS;
    if (isOverLimit && this.#mayPurgeAll()) {
      // The prefixes cover this key. A hint that is such a prefix itself has to stay.
      if (hint.startsWith('key ')) missed.hints.delete(hint);
      return this.#replaceByPrefixes(node.name, missed, holder);
    }
    return this.#send(node.name, hint, holder);
  }

  /** Resolves once all holders have stored their hints or have failed to. Never rejects. */
  flushed(): Promise<void> {
    return this.#sending ?? Promise.resolve();
  }

  /**
   * Whether whole namespaces may be purged. If other programs may have keys in the same database, raw keys
   * without a namespace must be removed one by one.
   */
  #mayPurgeAll(): boolean {
    return [...this.#namespaces.prefixes].every((prefix) => this.#namespaces.mayPurge(prefix));
  }

  /** Replaces the hints about a node with prefixes, so that whole namespaces are purged. */
  #replaceByPrefixes(name: string, missed: MissedByNode, holder: Node | undefined): Promise<void> {
    const { prefixes } = this.#namespaces;
    if (missed.prefixCount < prefixes.size) {
      missed.prefixCount = prefixes.size;
      missed.hints.clear();
      for (const prefix of prefixes) {
        missed.hints.add(hintOfPrefix(prefix));
        this.#send(name, hintOfPrefix(prefix), holder);
      }
    }
    return this.flushed();
  }

  #send(name: string, hint: Hint, holder: Node | undefined): Promise<void> {
    if (holder === undefined) return Promise.resolve();
    const byName = this.#outgoing.get(holder) ?? new Map<string, Hint[]>();
    this.#outgoing.set(holder, byName);
    const hints = byName.get(name);
    if (hints === undefined) byName.set(name, [hint]);
    else hints.push(hint);
    this.#sending ??= yieldToEventLoop().then(() => this.#sendOutgoing());
    return this.#sending;
  }

  async #sendOutgoing(): Promise<void> {
    const outgoing = this.#outgoing;
    this.#outgoing = new Map();
    this.#sending = undefined;
    await Promise.allSettled(
      Array.from(outgoing, ([holder, byName]) =>
        Promise.all(Array.from(byName, ([name, hints]) => this.#sendTo(holder, name, hints))),
      ),
    );
  }

  async #sendTo(holder: Node, name: string, hints: readonly Hint[]): Promise<void> {
    const key = hintsKey(name);
    for (const chunk of chunksOf(hints)) {
      const [, , count] = await holder.run((commands) =>
        Promise.all([
          commands.addMembers(key, chunk),
          commands.expire(key, HINTS_TTL_MS),
          commands.memberCount(key),
        ]),
      );
      const missed = this.#missed.get(name);
      if (missed !== undefined && count > MAX_HINTS && this.#mayPurgeAll()) {
        this.#replaceByPrefixes(name, missed, holder);
      }
    }
  }

  #holderFor(node: Node): Node | undefined {
    const { byIndex } = this.#topology.snapshot;
    const index = byIndex.indexOf(node);
    return [...byIndex.slice(index + 1), ...byIndex.slice(0, Math.max(0, index))].find(
      ({ isAvailable }) => isAvailable,
    );
  }
}
