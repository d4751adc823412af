import type { StoredValue } from '../format/values.js';
import type { Commands } from '../node/commands.js';
import { type Placement, type Route, sooner, type WriteObserver } from './placement.js';
import type { ReadBatcher } from './read-batcher.js';

/** Reads and writes single keys, each on its owner or its fallback node. Rejects with DRedisError. */
export class Router {
  readonly #placement: Placement;
  readonly #reads: ReadBatcher<StoredValue | undefined>;
  readonly #observer: WriteObserver;

  constructor(placement: Placement, reads: ReadBatcher<StoredValue | undefined>, observer: WriteObserver) {
    this.#placement = placement;
    this.#reads = reads;
    this.#observer = observer;
  }

  /** Reads in the same turn of the event loop share one command per node. */
  get(key: string): Promise<StoredValue | undefined> {
    return this.#reads.get(key);
  }

  has(key: string): Promise<boolean> {
    const route = this.#placement.routeOf(key, this.#placement.snapshot);
    return route.node.run((commands) => commands.exists(route.key));
  }

  /** @param expiresAt milliseconds since the Unix epoch; undefined for never */
  set(key: string, value: StoredValue, expiresAt: number | undefined): Promise<boolean> {
    return this.#write(
      key,
      (commands, route) => commands.set(route.key, value, sooner(expiresAt, route.latestExpiry)),
      () => true,
    );
  }

  /** @returns whether the key existed */
  delete(key: string): Promise<boolean> {
    return this.#write(
      key,
      (commands, route) => commands.unlink([route.key]),
      (count) => count > 0,
    );
  }

  #write<Reply>(
    key: string,
    request: (commands: Commands, route: Route) => Promise<Reply>,
    resultOf: (reply: Reply) => boolean,
  ): Promise<boolean> {
    this.#reads.flushBefore(key);
    return new Promise((resolve, reject) => {
      const { snapshot } = this.#placement;
      const route = this.#placement.routeOf(key, snapshot);
      const { node, isFallback } = route;
      const recorded = isFallback ? this.#observer.fallbackWrite(key, node, snapshot) : undefined;
      node.send(
        (commands) => request(commands, route),
        (reply) => {
          if (recorded === undefined) resolve(resultOf(reply));
          else recorded.then(() => resolve(resultOf(reply)));
        },
        (error) => {
          this.#observer.writeFailed({ node, keys: [route.key], isFallback }, error);
          reject(error);
        },
      );
    });
  }
}
