import { type DRedisError, PartialFailureError } from '../errors/errors.js';
import { scanPattern } from '../format/keyspace.js';
import { PrefixSet } from '../format/prefix-set.js';
import { leaseKey } from '../format/reserved-keys.js';
import type { Commands } from '../node/commands.js';
import type { Node } from '../node/node.js';
import { READ_ONLY, type Request, type SendOptions } from '../node/send-options.js';
import { SCAN_START } from '../node/server-commands.js';
import { SupersededError } from '../node/superseded.js';
import type { CallOrder } from './call-order.js';
import { EarlyRemoval, type EarlyRemovalOptions } from './early-removal.js';
import { logPrefix } from './missed-writes.js';
import { retainAll, type Snapshot, type Topology } from './topology.js';

/** Sends commands to one node. */
export type Run = <T>(request: Request<T>, options?: SendOptions) => Promise<T>;

/**
 * All pages of a SCAN or SSCAN. If another server, or another run, takes over, starts again, because its cursors
 * mean other keys. So an item may occur twice.
 *
 * @param read reads the page at a cursor; `seen` are the cursors of earlier pages
 */
export async function* pagesAt<Page extends { readonly cursor: string }>(
  run: Run,
  read: (commands: Commands, cursor: string, seen: ReadonlySet<string>) => Promise<Page>,
): AsyncGenerator<Page, void> {
  const seen = new Set<string>();
  let cursor = SCAN_START;
  let runId: string | undefined;
  do {
    const page = await run((commands) => {
      if (commands.runId !== runId) {
        runId = commands.runId;
        cursor = SCAN_START;
        seen.clear();
      }
      return read(commands, cursor, seen);
    }, READ_ONLY);
    cursor = page.cursor;
    seen.add(cursor);
    yield page;
  } while (cursor !== SCAN_START);
}

/**
 * One node's physical keys that begin with one of the prefixes, page by page, with one SCAN. Leaves out the
 * reserved keys. A key may occur twice.
 */
export async function* pagesOf(run: Run, prefixes: PrefixSet, count: number): AsyncGenerator<string[], void> {
  const pattern = scanPattern(prefixes.common);
  const pages = pagesAt(run, (commands, cursor, seen) => commands.scan(cursor, pattern, count, seen));
  for await (const page of pages) {
    const keys = [...new Set(page.keys)].filter((key) => prefixes.prefixOf(key) !== undefined);
    if (keys.length > 0) yield keys;
  }
}

/** Dependencies of {@link Scanner}. */
export interface ScannerOptions extends EarlyRemovalOptions {
  readonly topology: Topology;
  readonly order: CallOrder;
  /** Keys per SCAN. */
  readonly scanCount: number;
}

/** Removes all entries of a namespace. */
export class Scanner {
  readonly #options: ScannerOptions;

  constructor(options: ScannerOptions) {
    this.#options = options;
  }

  /**
   * Removes all entries of a namespace from all nodes in parallel, with at most two pages in memory per node. This
   * includes entries on nodes that no longer own them. Entries of later calls stay. If the topology changes
   * meanwhile, starts over.
   *
   * @throws PartialFailureError with the names of the nodes that were not cleared
   */
  async clear(prefix: string): Promise<void> {
    const { topology, order, startOver } = this.#options;
    const removal = new EarlyRemoval(prefix, this.#options);
    let first: Snapshot | undefined = topology.snapshot;
    const release = retainAll(first);
    const earlierCalls = order.idle(prefix);
    const earlierWrites = startOver.writesBefore(prefix);
    const errors = new Map<string, DRedisError>();
    try {
      await order.run(removal, async () => {
        await earlierCalls;
        await earlierWrites.ended();
        do {
          errors.clear();
          await startOver.untilCurrent((current) => {
            const snapshot = first ?? current;
            first = undefined;
            return this.#clear(prefix, snapshot, removal, errors);
          });
          // An earlier write that started over meanwhile may have stored its value after the scan.
        } while (await earlierWrites.ended());
        for (const [name, error] of await removal.errors()) errors.set(name, error);
      });
    } finally {
      earlierWrites.release();
      release();
    }
    if (errors.size > 0) {
      const list = [...errors.values()];
      throw new PartialFailureError('DREDIS_CLEAR_INCOMPLETE', 'clear() did not reach every node', list);
    }
  }

  /**
   * While entries move, an entry that is on its way is at neither place. So the old owners are cleared first, and
   * then the leases, without which such an entry is not stored.
   *
   * @param errors gets one error per node that was not cleared, under its name
   * @throws SupersededError
   */
  async #clear(
    prefix: string,
    snapshot: Snapshot,
    removal: EarlyRemoval,
    errors: Map<string, DRedisError>,
  ): Promise<void> {
    const { startOver } = this.#options;
    const { previous, missing } = snapshot;
    const onEach = (nodes: Iterable<Node>, step: (node: Node) => Promise<void>) =>
      Promise.all(
        Array.from(nodes, async (node) => {
          try {
            await step(node);
          } catch (error) {
            if (error instanceof SupersededError) throw error;
            errors.set(node.name, error as DRedisError);
          }
        }),
      );
    const clear = (each: string) => (node: Node) => this.#clearNode(node, each, snapshot, removal);
    if (previous !== undefined) {
      await onEach(previous.nodes.values(), clear(prefix));
      await onEach(snapshot.byIndex, clear(leaseKey(prefix)));
    }
    await onEach(snapshot.byIndex, async (node) => {
      if (missing !== undefined) {
        const log = (commands: Commands) => logPrefix(commands, prefix, snapshot);
        await startOver.command(node, log, snapshot, snapshot.writes);
      }
      await clear(prefix)(node);
    });
  }

  /** Removes every key with a prefix from one node, page by page. While a page is removed, the next one is read. */
  async #clearNode(node: Node, prefix: string, snapshot: Snapshot, removal: EarlyRemoval): Promise<void> {
    const { startOver, scanCount } = this.#options;
    const run: Run = (request) => startOver.command(node, request, snapshot, snapshot.reads);
    let removed = Promise.resolve(0);
    // A removal that fails while a page is read is noticed after that.
    const later = () => {};
    try {
      for await (const page of pagesOf(run, new PrefixSet([prefix]), scanCount)) {
        await removed;
        const keys = removal.remaining(page, node, snapshot);
        if (keys.length === 0) continue;
        removed = startOver.command(node, (commands) => commands.unlink(keys), snapshot, snapshot.writes);
        removed.catch(later);
      }
      await removed;
    } finally {
      await removed.catch(later);
    }
  }
}
