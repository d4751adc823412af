import type { StoredValue } from '../format/values.js';
import type { Node } from '../node/node.js';
import { SupersededError } from '../node/superseded.js';
import { type CallOrder, READ, WRITE } from './call-order.js';
import { logged } from './missed-writes.js';
import { isMoving, type MovingCalls } from './moving-calls.js';
import type { Placement, Route } from './placement.js';
import type { ReadBatcher } from './read-batcher.js';
import { DeleteCall, HasCall, SetCall, type SingleKeyCall } from './single-key-calls.js';
import type { StartOver } from './start-over.js';
import { Strays } from './strays.js';
import type { Snapshot } from './topology.js';

/** Dependencies of {@link Router}. */
export interface RouterOptions {
  readonly placement: Placement;
  readonly reads: ReadBatcher<StoredValue | undefined>;
  readonly order: CallOrder;
  readonly moving: MovingCalls;
  readonly startOver: StartOver;
}

/** Reads and writes single keys, each on its owner. Rejects with DRedisError. */
export class Router {
  readonly #options: RouterOptions;

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  /** Reads in the same turn of the event loop share one command per node. */
  get(key: string): Promise<StoredValue | undefined> {
    this.#options.order.before(key, READ);
    return this.#options.reads.get(key);
  }

  has(key: string): Promise<boolean> {
    this.#options.order.before(key, READ);
    return this.#call(new HasCall(key));
  }

  /** @param expiresAt milliseconds since the Unix epoch; undefined for never */
  set(key: string, value: StoredValue, expiresAt: number | undefined): Promise<boolean> {
    return this.#write(new SetCall(key, value, expiresAt));
  }

  /** @returns whether the key existed */
  delete(key: string): Promise<boolean> {
    return this.#write(new DeleteCall(key));
  }

  #write<Reply>(call: SingleKeyCall<Reply>): Promise<boolean> {
    const { order, reads } = this.#options;
    order.before(call.key, WRITE);
    reads.flushBefore(call.key);
    return this.#call(call);
  }

  #call<Reply>(call: SingleKeyCall<Reply>): Promise<boolean> {
    const { placement, startOver } = this.#options;
    const { snapshot } = placement;
    const route = placement.routeOf(call.key, snapshot);
    if (isMoving(route) || startOver.isNeeded(route.node, snapshot, call.key, call.isWrite)) {
      return this.#startOver(call, route.node);
    }
    return new Promise((resolve, reject) => {
      this.#send(call, route, snapshot, resolve, (error) => {
        if (error instanceof SupersededError) resolve(this.#startOver(call, route.node, error));
        else reject(error);
      });
    });
  }

  #send<Reply>(
    call: SingleKeyCall<Reply>,
    { node }: Route,
    snapshot: Snapshot,
    resolve: (result: boolean) => void,
    reject: (error: unknown) => void,
  ): void {
    const { isWrite } = call;
    node.send(
      isWrite && snapshot.missing !== undefined
        ? (commands) => logged(commands, [call.key], snapshot, () => call.request(commands))
        : (commands) => call.request(commands),
      (reply) => resolve(call.resultOf(reply)),
      reject,
      isWrite ? snapshot.writes : snapshot.reads,
    );
  }

  /** @param node where the first attempt was made */
  async #startOver<Reply>(
    call: SingleKeyCall<Reply>,
    node: Node,
    superseded?: SupersededError,
  ): Promise<boolean> {
    const { placement, startOver } = this.#options;
    const keys = [call.key];
    let result = false;
    // A removal that was executed, although its reply does not count, has removed the key.
    const removed = new Set<number>();
    const note = ({ reply }: SupersededError) => {
      if (call.isWrite && reply !== undefined && call.resultOf(reply as Reply)) removed.add(0);
    };
    const strays = new Strays();
    if (superseded !== undefined) {
      note(superseded);
      strays.add(node);
    }
    const attempt = async (snapshot: Snapshot) => {
      if (call.isWrite) await strays.remove(keys, snapshot);
      const route = placement.routeOf(call.key, snapshot);
      strays.add(route.node);
      try {
        result = await this.#attempt(call, route, snapshot, removed);
      } catch (error) {
        if (error instanceof SupersededError) note(error);
        throw error;
      }
    };
    await startOver.run({ node, keys, isWrite: call.isWrite }, attempt, superseded);
    return result || removed.size > 0;
  }

  #attempt<Reply>(
    call: SingleKeyCall<Reply>,
    route: Route,
    snapshot: Snapshot,
    removed: Set<number>,
  ): Promise<boolean> {
    if (isMoving(route)) {
      const request = { ...route, keys: [call.key], positions: [0] };
      return call.whileMoving(this.#options.moving, request, snapshot, removed);
    }
    return new Promise((resolve, reject) => this.#send(call, route, snapshot, resolve, reject));
  }
}
