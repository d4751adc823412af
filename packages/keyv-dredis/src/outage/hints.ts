import { hintsKey } from '../format/keyspace.js';
import type { Node } from '../node/node.js';
import { stepsOf, turnOfEventLoop } from '../sharding/chunks.js';
import type { Topology } from '../sharding/topology.js';
import type { Namespaces } from './namespaces.js';

/** A physical key that a node has missed a write of, or a prefix of which that may be any key. */
export type Hint = `key ${string}` | `prefix ${string}`;

export const hintOfKey = (key: string): Hint => `key ${key}`;
export const hintOfPrefix = (prefix: string): Hint => `prefix ${prefix}`;

/** The keys and the prefixes that hints name. */
export function namesIn(hints: Iterable<string>): { keys: string[]; prefixes: string[] } {
  const keys: string[] = [];
  const prefixes: string[] = [];
  for (const hint of hints) {
    if (hint.startsWith('key ')) keys.push(hint.slice('key '.length));
    else if (hint.startsWith('prefix ')) prefixes.push(hint.slice('prefix '.length));
  }
  return { keys, prefixes };
}

/** Hints about one node, of this process or on one holder, before prefixes take the place of keys. */
const MOST_HINTS = 10_000;

/** How long hints live after the last one about the same node, in milliseconds. */
const HINTS_TTL_MS = 24 * 3_600_000;

interface Missed {
  readonly hints: Set<Hint>;
  /** So many prefixes have taken the place of keys. */
  purgedCount: number;
}

/**
 * What nodes have missed. A write that did not reach its node, or may not have, leaves a hint that names
 * its key: with this process, and on the next live node, where every client looks before it uses the node
 * again. (Hinted handoff, as in Dynamo, SOSP 2007, section 4.6; but the name is enough here: what it names
 * is removed, for a cache may forget.) A hint too many costs a miss, and nothing else.
 */
export class Hints {
  readonly #topology: Topology;
  readonly #namespaces: Namespaces;
  readonly #enabled: boolean;
  readonly #missed = new Map<string, Missed>();
  /** What goes out at the end of the turn: hints by the node that is to hold them, and the one they are about. */
  #outgoing = new Map<Node, Map<string, Hint[]>>();
  #sent: Promise<void> | undefined;

  constructor(topology: Topology, namespaces: Namespaces, enabled: boolean) {
    this.#topology = topology;
    this.#namespaces = namespaces;
    this.#enabled = enabled;
  }

  /**
   * What this process knows that a node has missed, for somebody who makes it good. What is left from now on
   * is news.
   */
  take(node: Node): readonly Hint[] {
    const hints = [...(this.#missed.get(node.name)?.hints ?? [])];
    this.#missed.delete(node.name);
    return hints;
  }

  /**
   * A node has missed a write, or may have.
   *
   * @param holder who holds the hint; the next live node when left out
   * @returns never rejects: where no other node can hold it, this process does
   */
  leave(node: Node, hint: Hint, holder = this.#holderFor(node)): Promise<void> {
    if (!this.#enabled) return Promise.resolve();
    const missed = this.#missed.get(node.name) ?? { hints: new Set(), purgedCount: 0 };
    this.#missed.set(node.name, missed);
    missed.hints.add(hint);
    const tooMany = missed.purgedCount > 0 || missed.hints.size > MOST_HINTS;
    if (tooMany && this.#mayPurge()) {
      // It is among what is purged.
      missed.hints.delete(hint);
      return this.#purgeInstead(node.name, missed, holder);
    }
    return this.#send(node.name, hint, holder);
  }

  /** Resolves once all that was left is with its holders, or cannot get there. Never rejects. */
  sent(): Promise<void> {
    return this.#sent ?? Promise.resolve();
  }

  /** Raw keys among those of others can only be named one by one. */
  #mayPurge(): boolean {
    return [...this.#namespaces.prefixes].every((prefix) => this.#namespaces.mayPurge(prefix));
  }

  /** Too many: from here on all that this process may have written is meant. */
  #purgeInstead(name: string, missed: Missed, holder: Node | undefined): Promise<void> {
    const { prefixes } = this.#namespaces;
    if (missed.purgedCount < prefixes.size) {
      missed.purgedCount = prefixes.size;
      missed.hints.clear();
      for (const prefix of prefixes) {
        missed.hints.add(hintOfPrefix(prefix));
        this.#send(name, hintOfPrefix(prefix), holder);
      }
    }
    return this.sent();
  }

  #send(name: string, hint: Hint, holder: Node | undefined): Promise<void> {
    if (holder === undefined) return Promise.resolve();
    const byName = this.#outgoing.get(holder) ?? new Map<string, Hint[]>();
    this.#outgoing.set(holder, byName);
    const hints = byName.get(name);
    if (hints === undefined) byName.set(name, [hint]);
    else hints.push(hint);
    this.#sent ??= turnOfEventLoop().then(() => this.#flush());
    return this.#sent;
  }

  async #flush(): Promise<void> {
    const outgoing = this.#outgoing;
    this.#outgoing = new Map();
    this.#sent = undefined;
    const handOver = async (holder: Node, name: string, hints: readonly Hint[]) => {
      const key = hintsKey(name);
      for (const step of stepsOf(hints)) {
        const [, , count] = await holder.run((commands) =>
          Promise.all([
            commands.addMembers(key, step),
            commands.expire(key, HINTS_TTL_MS),
            commands.memberCount(key),
          ]),
        );
        const missed = this.#missed.get(name);
        if (missed !== undefined && count > MOST_HINTS && this.#mayPurge()) {
          this.#purgeInstead(name, missed, holder);
        }
      }
    };
    await Promise.allSettled(
      Array.from(outgoing, ([holder, byName]) =>
        Promise.all(Array.from(byName, ([name, hints]) => handOver(holder, name, hints))),
      ),
    );
  }

  #holderFor(node: Node): Node | undefined {
    const { byIndex } = this.#topology.snapshot;
    const place = byIndex.indexOf(node);
    return [...byIndex.slice(place + 1), ...byIndex.slice(0, Math.max(0, place))].find(
      ({ serves }) => serves,
    );
  }
}
