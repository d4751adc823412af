import { type DRedisError, PartialFailureError } from '../errors/errors.js';
import { scanPattern } from '../format/keyspace.js';
import { RESERVED_PREFIX } from '../format/reserved-keys.js';
import type { StoredValue } from '../format/values.js';
import { SCAN_START } from '../node/commands.js';
import type { Node, Request } from '../node/node.js';
import type { FallbackPlacement, WriteObserver } from './placement.js';
import { retainAll, type Topology } from './topology.js';

/** Sends commands to one node. */
export type Run = <T>(request: Request<T>) => Promise<T>;

/** One node's physical keys that begin with the prefix, page by page. Leaves out the reserved keys. */
async function* pagesOf(run: Run, prefix: string, count: number): AsyncGenerator<string[], void> {
  const pattern = scanPattern(prefix);
  const isWanted = (key: string) =>
    key.startsWith(prefix) && (prefix !== '' || !key.startsWith(RESERVED_PREFIX));
  const cursors = new Set<string>();
  let cursor = SCAN_START;
  do {
    const from = cursor;
    const page = await run((commands) => commands.scan(from, pattern, count, cursors));
    cursor = page.cursor;
    cursors.add(cursor);
    // SCAN may return a key twice.
    const keys = [...new Set(page.keys)].filter(isWanted);
    if (keys.length > 0) yield keys;
  } while (cursor !== SCAN_START);
}

/** Removes every key with a prefix from one node, page by page. */
export async function purge(run: Run, prefix: string, count: number): Promise<void> {
  for await (const keys of pagesOf(run, prefix, count)) await run((commands) => commands.unlink(keys));
}

/** Dependencies of {@link Scanner}. */
export interface ScannerOptions {
  readonly topology: Topology;
  readonly observer: WriteObserver;
  readonly fallback: FallbackPlacement | undefined;
  /** Keys per SCAN. */
  readonly scanCount: number;
}

/** Removes and lists all entries of a namespace. */
export class Scanner {
  readonly #options: ScannerOptions;

  constructor(options: ScannerOptions) {
    this.#options = options;
  }

  /**
   * Removes all entries of a namespace from all nodes in parallel, with one page in flight per node. This
   * includes entries on nodes that no longer own them.
   *
   * @throws PartialFailureError with the names of the nodes that were not cleared
   */
  async clear(prefix: string): Promise<void> {
    const { topology, observer, fallback, scanCount } = this.#options;
    const prefixes = fallback?.prefixesOf(prefix) ?? [prefix];
    const errors: DRedisError[] = [];
    const clearNode = async (node: Node) => {
      const release = node.retain();
      try {
        for (const each of prefixes) await purge((request) => node.run(request), each, scanCount);
      } catch (error) {
        errors.push(error as DRedisError);
        observer.clearFailed(node, prefix);
      } finally {
        release();
      }
    };
    await Promise.all(topology.snapshot.byIndex.map(clearNode));
    if (errors.length > 0) {
      throw new PartialFailureError('DREDIS_CLEAR_INCOMPLETE', 'clear() did not reach every node', errors);
    }
  }

  /**
   * Yields all entries of a namespace, node by node and page by page. Only one page is in memory at a time.
   *
   * @param onError called once per node that fails; the other nodes continue
   */
  async *entries(
    prefix: string,
    onError: (error: DRedisError) => void,
  ): AsyncGenerator<[physicalKey: string, value: StoredValue], void> {
    const { snapshot } = this.#options.topology;
    const release = retainAll(snapshot);
    try {
      for (const node of snapshot.nodes.values()) {
        const pages = this.#pagesOfEntries(node, prefix, (key) => snapshot.ring.get(key) === node.name);
        for (;;) {
          let page: IteratorResult<readonly [string, StoredValue][], void>;
          try {
            page = await pages.next();
          } catch (error) {
            onError(error as DRedisError);
            break;
          }
          if (page.done) break;
          yield* page.value;
        }
      }
    } finally {
      release();
    }
  }

  /**
   * @param isOwned whether the node owns a key; entries of other keys are left over from an older topology
   */
  async *#pagesOfEntries(
    node: Node,
    prefix: string,
    isOwned: (key: string) => boolean,
  ): AsyncGenerator<readonly [string, StoredValue][], void> {
    for await (const page of pagesOf((request) => node.run(request), prefix, this.#options.scanCount)) {
      const keys = page.filter(isOwned);
      if (keys.length === 0) continue;
      const values = await node.run((commands) => commands.mGet(keys));
      // A key may have been removed since the SCAN, or another program may have stored a list or a hash.
      yield keys.flatMap((key, index) => {
        const value = values[index];
        return value === undefined ? [] : [[key, value] satisfies [string, StoredValue]];
      });
    }
  }
}
