import { CommandTimeoutError, DRedisError } from '../errors/errors.js';
import type { Node } from '../node/node.js';
import type { Request, SendOptions } from '../node/send-options.js';
import { areCallsStartingOver, nextTurn, SupersededError } from '../node/superseded.js';
import { atMost, timers } from '../timers.js';
import { yieldToEventLoop } from './chunks.js';
import { KeyQueue } from './key-queue.js';
import { type EarlierWrites, RunningCalls } from './running-calls.js';
import { ownerOf, type Snapshot, sourceOf, type Topology } from './topology.js';

/** Decides whether calls may be sent to a node at present. Part of the mechanism for outages. */
export interface ServingGate {
  /** Whether a call to a node has to wait, or fails. */
  isShut(node: Node, snapshot: Snapshot): boolean;
  /**
   * Resolves when it is worth to look again: the gate may be open, or the topology has changed.
   *
   * @throws DRedisError if calls to this node fail at present
   */
  opened(node: Node, snapshot: Snapshot): Promise<void>;
}

/** Dependencies of {@link StartOver}. */
export interface StartOverOptions {
  readonly topology: Topology;
  readonly gate: ServingGate;
  /** Time limit of a call, in milliseconds. */
  readonly commandTimeoutMs: number;
  /** Whether the store is disconnected. */
  readonly isClosed: () => boolean;
}

/** A call that takes several steps, or several attempts. */
export interface LongCall {
  /** Is named in the error if the time is over. */
  readonly node: Node;
  /** Physical keys. */
  readonly keys: readonly string[];
  readonly isWrite: boolean;
}

/**
 * Runs calls under the current topology, and starts them over if the topology changes meanwhile. Calls for the same
 * key keep their order.
 */
export class StartOver {
  readonly #options: StartOverOptions;
  /** Calls whose first attempt is made here. */
  readonly #queue = new KeyQueue();
  /** Calls that were sent before, without a queue. So they are earlier than all calls in the other queue. */
  readonly #superseded = new KeyQueue();
  /** Superseded calls that enter their queue in the next turn of the event loop, in the order of their turns. */
  readonly #entering: { readonly turn: number; readonly enter: () => void }[] = [];
  /** Superseded calls that are not in their queue yet. */
  #enteringCount = 0;
  readonly #running = new RunningCalls();

  constructor(options: StartOverOptions) {
    this.#options = options;
  }

  /**
   * Whether a call needs {@link run}, because it must not overtake earlier calls that start over.
   *
   * @param node where the call is sent
   */
  isNeeded(node: Node, snapshot: Snapshot, key: string, isWrite: boolean): boolean {
    return this.#isHindered(node, snapshot) || (!this.#isEmpty && this.#holds(key, isWrite));
  }

  /** The same for a call with several keys. */
  isNeededForAny(node: Node, snapshot: Snapshot, keys: readonly string[], isWrite: boolean): boolean {
    if (this.#isHindered(node, snapshot)) return true;
    return !this.#isEmpty && keys.some((key) => this.#holds(key, isWrite));
  }

  get #isEmpty(): boolean {
    return this.#queue.isEmpty && this.#superseded.isEmpty;
  }

  #isHindered(node: Node, snapshot: Snapshot): boolean {
    const { epoch } = snapshot;
    const isBehind = epoch > 0 && isBehindTopology(node, snapshot);
    return (
      areCallsStartingOver() ||
      this.#enteringCount > 0 ||
      isBehind ||
      this.#options.gate.isShut(node, snapshot)
    );
  }

  #holds(key: string, isWrite: boolean): boolean {
    return this.#queue.holds(key, isWrite) || this.#superseded.holds(key, isWrite);
  }

  /** See {@link RunningCalls.writesBefore}. */
  writesBefore(prefix: string): EarlierWrites {
    return this.#running.writesBefore(prefix);
  }

  /**
   * Runs an attempt, again and again until the topology does not change meanwhile, within the time limit of one call.
   *
   * @param superseded the error of an attempt that was made before
   * @throws CommandTimeoutError, or what the attempt throws
   */
  async run<T>(
    { node, keys, isWrite }: LongCall,
    attempt: (snapshot: Snapshot) => Promise<T>,
    superseded?: SupersededError,
  ): Promise<T> {
    const { commandTimeoutMs } = this.#options;
    const now = timers.now();
    const expiresAt = superseded?.expiresAt ?? now + commandTimeoutMs;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = timers.setTimeout(
        () => reject(new CommandTimeoutError(node.name, commandTimeoutMs)),
        Math.max(0, expiresAt - now),
      );
    });
    try {
      const isOver = () => timers.now() >= expiresAt;
      const whenOpen = async () => {
        await this.#gateOpened(keys, isOver);
        return attempt(this.#options.topology.snapshot);
      };
      const again = () => this.untilCurrent(whenOpen, isOver);
      const inOrder = () =>
        this.untilCurrent(async () => {
          await this.#earlierCalls(keys, isWrite);
          return whenOpen();
        }, isOver);
      const result =
        superseded === undefined
          ? this.#queue.run(keys, isWrite, inOrder)
          : this.#turn(superseded).then(() => this.#superseded.run(keys, isWrite, again));
      const ended = Promise.race([timeout, result]);
      this.#running.add({ turn: superseded?.turn ?? nextTurn(), keys, isWrite }, ended);
      return await ended;
    } catch (error) {
      // A process that stood still may notice that the topology has changed before its timers tell that the time is over.
      throw error instanceof SupersededError ? new CommandTimeoutError(node.name, commandTimeoutMs) : error;
    } finally {
      timers.clearTimeout(timer);
    }
  }

  /**
   * Waits for the calls for some keys that this process sent before, under the topology before. A node is synchronized
   * with a command on the same connection, so replies to earlier commands come first. If they do not count, their calls
   * start over first, even if they are noticed after the first attempt of a call in the queue.
   */
  async #earlierCalls(keys: readonly string[], isWrite: boolean): Promise<void> {
    const { topology } = this.#options;
    for (let isCurrent = false; !isCurrent; ) {
      const { snapshot } = topology;
      const nodes = behind(keys, snapshot);
      if (nodes.size > 0) {
        await Promise.all(Array.from(nodes, (node) => node.wake()));
        // Calls that waited for these nodes notice in promise jobs that they start over.
        await yieldToEventLoop();
      }
      if (areCallsStartingOver()) await yieldToEventLoop();
      while (this.#enteringCount > 0) await yieldToEventLoop();
      await this.#superseded.idle(keys, isWrite);
      isCurrent = snapshot === topology.snapshot;
    }
  }

  /**
   * Waits until calls may be sent to the nodes of some keys.
   *
   * @throws DRedisError if the call fails at present
   */
  async #gateOpened(keys: readonly string[], isOver: () => boolean): Promise<void> {
    const { topology, gate, isClosed } = this.#options;
    for (;;) {
      const { snapshot } = topology;
      const shut = [...nodesOf(keys, snapshot)].find((node) => gate.isShut(node, snapshot));
      if (shut === undefined) return;
      if (isClosed()) throw closedError();
      // The caller has already got the timeout error, so nothing may be sent.
      if (isOver()) throw new SupersededError();
      await gate.opened(shut, snapshot);
    }
  }

  /** Waits for the turn of a call among calls that notice at about the same time that they start over. */
  async #turn({ turn }: SupersededError): Promise<void> {
    this.#enteringCount += 1;
    await new Promise<void>((enter) => {
      this.#entering.push({ turn, enter });
      if (this.#entering.length === 1) timers.setImmediate(() => this.#enter());
    });
  }

  #enter(): void {
    const entering = this.#entering.splice(0).sort((one, other) => one.turn - other.turn);
    for (const { enter } of entering) enter();
    // They are in their queue after the promise jobs.
    timers.setImmediate(() => {
      this.#enteringCount -= entering.length;
    });
  }

  /**
   * The same without a time limit.
   *
   * @param isOver whether to give up
   * @throws SupersededError if it gives up
   */
  async untilCurrent<T>(attempt: (snapshot: Snapshot) => Promise<T>, isOver = () => false): Promise<T> {
    const { topology, isClosed } = this.#options;
    for (;;) {
      try {
        return await attempt(topology.snapshot);
      } catch (error) {
        if (!(error instanceof SupersededError) || isOver()) throw error;
        if (isClosed()) throw closedError();
        // Lets the sockets tell what has changed.
        await yieldToEventLoop();
      }
    }
  }

  /**
   * Waits until calls may be sent to a node, at most for the time limit of one call.
   *
   * @throws SupersededError if the topology has changed
   */
  async #nodeOpened(node: Node, snapshot: Snapshot): Promise<void> {
    const { topology, gate, commandTimeoutMs, isClosed } = this.#options;
    const endsAt = timers.now() + commandTimeoutMs;
    while (gate.isShut(node, snapshot)) {
      if (isClosed()) throw closedError();
      const leftMs = endsAt - timers.now();
      if (leftMs <= 0) throw new CommandTimeoutError(node.name, commandTimeoutMs);
      await atMost(leftMs, gate.opened(node, snapshot));
      if (topology.snapshot !== snapshot) throw new SupersededError();
    }
  }

  /**
   * Runs one command of a call with many commands. If the record of the server was only written again, sends the
   * command again, so that the call need not start over.
   *
   * @throws SupersededError if the topology has changed
   */
  async command<T>(node: Node, request: Request<T>, snapshot: Snapshot, options: SendOptions): Promise<T> {
    const { topology, isClosed } = this.#options;
    for (;;) {
      try {
        await this.#nodeOpened(node, snapshot);
        return await node.run(request, options);
      } catch (error) {
        if (!(error instanceof SupersededError) || isClosed()) throw error;
        await node.wake();
        if (topology.snapshot !== snapshot) throw error;
        // A lost connection is not a change of the topology. The node is opened again, or is down.
        if (node.epoch !== snapshot.epoch && node.isAvailable) throw error;
      }
    }
  }
}

function closedError(): DRedisError {
  return new DRedisError('DREDIS_CLOSED', 'The store is disconnected');
}

/** The nodes that own some keys, and those that owned them before. */
function nodesOf(keys: readonly string[], snapshot: Snapshot): ReadonlySet<Node> {
  const nodes = new Set<Node>();
  for (const key of keys) {
    const owner = ownerOf(key, snapshot);
    nodes.add(owner);
    const source = sourceOf(key, owner, snapshot);
    if (source !== undefined) nodes.add(source);
  }
  return nodes;
}

/** Nodes of some keys that still have to be synchronized with the topology. */
function behind(keys: readonly string[], snapshot: Snapshot): ReadonlySet<Node> {
  return new Set([...nodesOf(keys, snapshot)].filter((node) => isBehindTopology(node, snapshot)));
}

/**
 * Whether a node still has to be synchronized with the topology. Until that has ended, earlier calls do not know whether
 * their replies count.
 */
function isBehindTopology(node: Node, { epoch }: Snapshot): boolean {
  return node.epoch !== epoch || node.isSynchronizing;
}
