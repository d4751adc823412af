import type { StoredValue } from '../format/values.js';
import type { Commands } from '../node/commands.js';
import type { Node } from '../node/node.js';
import { isUnavailableCommand } from '../node/replies.js';
import type { CallerCommand } from '../node/send-options.js';
import { nextTurn, SupersededError } from '../node/superseded.js';
import { type CallGroup, groupsOf } from './call-groups.js';
import { logged } from './missed-writes.js';
import { isMoving, type MovingCalls } from './moving-calls.js';
import type { Placement, Route } from './placement.js';
import { BooleanCall, type SingleKeyCall } from './single-key-calls.js';
import type { StartOver } from './start-over.js';
import { Strays } from './strays.js';
import { optionsFor, ownerOf, type Snapshot } from './topology.js';

type Value = StoredValue | undefined;

/** Dependencies of {@link BatchSender}. */
export interface BatchSenderOptions {
  readonly placement: Placement;
  readonly moving: MovingCalls;
  readonly startOver: StartOver;
}

/** Sends batches: one command for each node and kind of call, if the server allows it. */
export class BatchSender {
  readonly #options: BatchSenderOptions;

  constructor(options: BatchSenderOptions) {
    this.#options = options;
  }

  /** Settles every call of a batch. Never throws. */
  send({ calls, keys }: CallGroup): void {
    const { placement } = this.#options;
    const { snapshot } = placement;
    for (const request of placement.requestsFor(keys, 0, snapshot)) {
      const own = request.positions.map((position) => calls[position] as SingleKeyCall);
      this.#sendTo(request, own, request.keys, snapshot);
    }
  }

  /** The same for one call. */
  sendOne(call: SingleKeyCall): void {
    const { placement, startOver } = this.#options;
    const { snapshot } = placement;
    const { key, kind } = call;
    const node = ownerOf(key, snapshot);
    if (snapshot.previous !== undefined || startOver.isNeeded(node, snapshot, key, kind.isWrite)) {
      this.send({ calls: [call], keys: [key] });
    } else call.sendTo(node, snapshot);
  }

  /** @param keys the key of each call */
  #sendTo(route: Route, calls: readonly SingleKeyCall[], keys: readonly string[], snapshot: Snapshot): void {
    const { node } = route;
    for (const group of groupsOf(calls, keys)) {
      const { isWrite } = (group.calls[0] as SingleKeyCall).kind;
      if (isMoving(route) || this.#options.startOver.isNeededForAny(node, snapshot, group.keys, isWrite)) {
        this.#startOver(group, node);
      } else this.#sendGroup(group, node, snapshot);
    }
  }

  #sendGroup(group: CallGroup, node: Node, snapshot: Snapshot): void {
    const { calls } = group;
    const { kind } = calls[0] as SingleKeyCall;
    if (calls.length > 1 && node.sharing.mayShare(kind.commandFor(calls))) {
      node.send(new SharedCommand(this, group, node, snapshot), optionsFor(kind, snapshot));
    } else {
      for (const call of calls) call.sendTo(node, snapshot);
    }
  }

  /** Runs calls under the current topology. @param node where the first attempt would be made */
  #startOver({ calls, keys }: CallGroup, node: Node): void {
    // Reads keep together, because entries that move are pulled in one step.
    if ((calls[0] as SingleKeyCall).kind.readsValues) this.readAgain(calls, keys, node);
    else for (const call of calls) this.superseded(call, node);
  }

  /** Reads keys under the current topology. */
  readAgain(
    calls: readonly SingleKeyCall[],
    keys: readonly string[],
    node: Node,
    superseded?: SupersededError,
  ): void {
    this.#options.startOver
      .run({ node, keys, isWrite: false }, (snapshot) => this.readAll(keys, snapshot), superseded)
      .then(
        (values) => {
          for (let index = 0; index < calls.length; index += 1) calls[index]?.succeed(values[index]);
        },
        (error) => {
          for (const call of calls) call.fail(error);
        },
      );
  }

  /** Reads keys under one topology. @throws SupersededError if it changes */
  async readAll(keys: readonly string[], snapshot: Snapshot): Promise<readonly Value[]> {
    const { placement, moving } = this.#options;
    const values = new Array<Value>(keys.length);
    await Promise.all(
      placement.requestsFor(keys, 0, snapshot).map(async (request) => {
        const read = await moving.read(request, snapshot);
        request.positions.forEach((position, index) => {
          values[position] = read[index];
        });
      }),
    );
    return values;
  }

  /**
   * Runs a call under the current topology.
   *
   * @param node where the first attempt was made, or would be made
   * @param error why the first attempt does not count
   * @param reply its reply or result; undefined if there was none
   */
  superseded(call: SingleKeyCall, node: Node, error?: SupersededError, reply = error?.reply): void {
    if (!(call instanceof BooleanCall)) this.readAgain([call], [call.key], node, error);
    else {
      this.#runAgain(call, node, error, reply).then(
        (result) => call.succeed(result),
        (reason) => call.fail(reason),
      );
    }
  }

  async #runAgain(
    call: BooleanCall,
    node: Node,
    superseded: SupersededError | undefined,
    firstReply: unknown,
  ): Promise<boolean> {
    const { placement, startOver } = this.#options;
    const { isWrite } = call.kind;
    const keys = [call.key];
    let result = false;
    // A removal that was executed, although its reply does not count, has removed the key.
    const removed = new Set<number>();
    if (call.hasRemoved(firstReply)) removed.add(0);
    const strays = new Strays();
    if (superseded !== undefined) strays.add(node);
    const attempt = async (snapshot: Snapshot) => {
      if (isWrite) await strays.remove(keys, snapshot);
      const route = placement.routeOf(call.key, snapshot);
      strays.add(route.node);
      try {
        result = await this.#attempt(call, route, snapshot, removed);
      } catch (error) {
        if (error instanceof SupersededError && call.hasRemoved(error.reply)) removed.add(0);
        throw error;
      }
    };
    await startOver.run({ node, keys, isWrite }, attempt, superseded);
    return result || removed.size > 0;
  }

  #attempt(call: BooleanCall, route: Route, snapshot: Snapshot, removed: Set<number>): Promise<boolean> {
    if (!isMoving(route)) return call.attempt(route.node, snapshot);
    const request = { ...route, keys: [call.key], positions: [0] };
    return call.whileMoving(this.#options.moving, request, snapshot, removed);
  }
}

/** A command that several calls of one kind share. */
class SharedCommand implements CallerCommand<readonly unknown[]> {
  readonly callCount: number;
  readonly #sender: BatchSender;
  readonly #group: CallGroup;
  readonly #node: Node;
  readonly #snapshot: Snapshot;

  constructor(sender: BatchSender, group: CallGroup, node: Node, snapshot: Snapshot) {
    this.callCount = countWholes(group.calls);
    this.#sender = sender;
    this.#group = group;
    this.#node = node;
    this.#snapshot = snapshot;
  }

  request(commands: Commands): Promise<readonly unknown[]> {
    const { calls, keys } = this.#group;
    const { kind } = calls[0] as SingleKeyCall;
    if (!kind.isWrite || this.#snapshot.missing === undefined) return kind.request(commands, keys, calls);
    return logged(commands, keys, this.#snapshot, () => kind.request(commands, keys, calls));
  }

  resolve(results: readonly unknown[]): void {
    const { calls } = this.#group;
    for (let index = 0; index < calls.length; index += 1) {
      const call = calls[index] as SingleKeyCall;
      const result = results[index];
      if (result instanceof Error) call.fail(this.#node.refused(result));
      else call.succeed(result);
    }
  }

  reject(error: unknown, expiresAt?: number): void {
    const { calls, keys } = this.#group;
    const { kind } = calls[0] as SingleKeyCall;
    if (error instanceof SupersededError) {
      if (kind.readsValues) this.#sender.readAgain(calls, keys, this.#node, error);
      else this.#startOver(error);
    } else if (isUnavailableCommand(error)) {
      this.#node.sharing.notShared(kind.commandFor(calls));
      // Access rights may differ from key to key, and other commands may be allowed.
      for (const call of calls)
        this.#sender.superseded(call, this.#node, new SupersededError(nextTurn(), expiresAt));
    } else for (const call of calls) call.fail(error);
  }

  #startOver(error: SupersededError): void {
    const results = error.reply as readonly unknown[] | undefined;
    this.#group.calls.forEach((call, index) => {
      this.#sender.superseded(call, this.#node, error, results?.[index]);
    });
  }
}

/** Number of calls of the store. The keys of one call are next to each other. */
function countWholes(calls: readonly SingleKeyCall[]): number {
  let count = 0;
  let last: object | undefined;
  for (const { whole } of calls) {
    if (whole !== last) count += 1;
    last = whole;
  }
  return count;
}
