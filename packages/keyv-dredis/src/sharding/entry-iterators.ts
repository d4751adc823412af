import type { DRedisError } from '../errors/errors.js';
import { PrefixSet } from '../format/prefix-set.js';
import type { StoredValue } from '../format/values.js';
import type { Node } from '../node/node.js';
import { SupersededError } from '../node/superseded.js';
import type { CallOrder } from './call-order.js';
import { yieldToEventLoop } from './chunks.js';
import { pagesOf, type Run } from './scan.js';
import type { StartOver } from './start-over.js';
import { ownerOf, retainAll, type Snapshot, sourceOf, type Topology } from './topology.js';

/** The namespace that an iterator lists. */
export interface IteratedNamespace {
  readonly convention: {
    /** Prefix of the namespace's physical keys. */
    readonly prefix: string;
    /** Whether a key with this prefix belongs to the namespace. */
    isListed(physicalKey: string): boolean;
  };
  /** Converts a key without the prefix to the key that the iterator yields. */
  presentKey(key: string): string;
}

/** What an iterator needs from its store. */
export interface IteratedStore {
  /** Runs at the first `next()`. @throws DRedisError if the store is closed */
  readonly begin: () => IteratedNamespace;
  /** @throws DRedisError if the store is closed */
  readonly assertOpen: () => void;
  /** Called once per node that fails; the other nodes continue. */
  readonly onError: (error: DRedisError) => void;
}

type Entry = [physicalKey: string, value: StoredValue];

/** Keys to list on one node. */
interface List {
  readonly node: Node;
  readonly isWanted: (key: string) => boolean;
}

/** Dependencies of {@link EntryIterators}. */
export interface EntryIteratorsOptions {
  readonly topology: Topology;
  readonly order: CallOrder;
  readonly startOver: StartOver;
  /** Keys per SCAN. */
  readonly scanCount: number;
  /** Reads keys whose entries may move. */
  readonly readAll: (
    keys: readonly string[],
    snapshot: Snapshot,
  ) => Promise<readonly (StoredValue | undefined)[]>;
}

/** Lists all entries of a namespace. */
export class EntryIterators {
  readonly #options: EntryIteratorsOptions;
  /** Releases the nodes of each iterator that waits for its consumer. */
  readonly #paused = new Set<() => void>();
  #isClosing = false;

  constructor(options: EntryIteratorsOptions) {
    this.#options = options;
  }

  /**
   * Yields all entries of a namespace, node by node and page by page. Only one page is in memory at a time.
   * `return()` also ends a `next()` in progress, after the command in flight. By itself, an async generator
   * runs them one after the other, so `return()` would wait until the scan finds an entry.
   */
  iterate<Value>(store: IteratedStore): AsyncGenerator<[key: string, value: Awaited<Value>], void> {
    const abort = new AbortController();
    const generator = this.#iterate<Value>(store, abort.signal);
    const end = generator.return.bind(generator);
    generator.return = (value) => {
      abort.abort();
      return end(value);
    };
    return generator;
  }

  /**
   * From now on, iterators that wait for their consumer do not keep nodes open, because the consumer of an
   * abandoned iterator never continues.
   */
  releasePaused(): void {
    this.#isClosing = true;
    for (const release of this.#paused) release();
  }

  async *#iterate<Value>(
    { begin, assertOpen, onError }: IteratedStore,
    signal: AbortSignal,
  ): AsyncGenerator<[key: string, value: Awaited<Value>], void> {
    const namespace = begin();
    // Captured once: the namespace may change mid-iteration.
    const { convention } = namespace;
    const { prefix } = convention;
    let snapshot = this.#options.topology.snapshot;
    let release = retainAll(snapshot);
    try {
      await this.#options.order.idle(prefix);
      let lists = this.#listsOf(snapshot, convention);
      for (let list = lists.shift(); list !== undefined; list = lists.shift()) {
        const pages = this.#pages(list, prefix, snapshot, () => {
          signal.throwIfAborted();
          assertOpen();
        });
        for (;;) {
          let page: IteratorResult<readonly Entry[], void>;
          try {
            page = await pages.next();
          } catch (error) {
            if (signal.aborted) return;
            assertOpen();
            if (error instanceof SupersededError) {
              release();
              await yieldToEventLoop();
              snapshot = this.#options.topology.snapshot;
              release = retainAll(snapshot);
              lists = this.#listsOf(snapshot, convention);
            } else {
              onError(error as DRedisError);
            }
            break;
          }
          if (page.done) break;
          for (const [key, value] of page.value) {
            this.#pause(release);
            yield [namespace.presentKey(key.slice(prefix.length)), value as Awaited<Value>];
            this.#paused.delete(release);
            assertOpen();
          }
        }
      }
    } finally {
      this.#paused.delete(release);
      release();
    }
  }

  /**
   * The keys to list, node by node. While entries move, begins with the keys that leave their nodes, so that an entry
   * which moves meanwhile is not missed.
   */
  #listsOf(snapshot: Snapshot, convention: IteratedNamespace['convention']): List[] {
    const { previous } = snapshot;
    const leaving = Array.from(previous?.nodes.values() ?? [], (node) => ({
      node,
      isWanted: (key: string) =>
        convention.isListed(key) && sourceOf(key, ownerOf(key, snapshot), snapshot) === node,
    }));
    const owned = Array.from(snapshot.nodes.values(), (node) => ({
      node,
      // Other entries are left over from an older topology.
      isWanted: (key: string) => convention.isListed(key) && snapshot.ring.get(key) === node.name,
    }));
    return [...leaving, ...owned];
  }

  #pause(release: () => void): void {
    if (this.#isClosing) release();
    else this.#paused.add(release);
  }

  /** @param assertWanted throws if the iteration has ended */
  async *#pages(
    { node, isWanted }: List,
    prefix: string,
    snapshot: Snapshot,
    assertWanted: () => void,
  ): AsyncGenerator<readonly Entry[], void> {
    const { scanCount, readAll, startOver } = this.#options;
    const run: Run = (request) => {
      assertWanted();
      return startOver.command(node, request, snapshot, snapshot.reads);
    };
    for await (const page of pagesOf(run, new PrefixSet([prefix]), scanCount)) {
      const keys = page.filter(isWanted);
      if (keys.length === 0) continue;
      assertWanted();
      const values = await (snapshot.previous === undefined
        ? run((commands) => commands.mGet(keys))
        : readAll(keys, snapshot));
      // A key may have been removed since the SCAN, or another program may have stored a list or a hash.
      yield keys.flatMap((key, index) => {
        const value = values[index];
        return value === undefined ? [] : [[key, value] satisfies Entry];
      });
    }
  }
}
