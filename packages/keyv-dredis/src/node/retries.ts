import { noop } from '../connection/connection.js';
import { isErrorReply } from '../connection/redis-client.js';
import { NodeUnavailableError } from '../errors/errors.js';
import type { Timers } from '../timers.js';
import { retryDelayMs } from './backoff.js';
import { isRefusal } from './replies.js';

/** A node that is down, and waits for its next retry. */
export interface Retryable {
  /** Longest delay between two retries, in milliseconds. */
  readonly maxRetryDelayMs: number;
  /** Returns the current addresses of the node's host name, as text. Undefined if there is no host name. */
  readonly resolveHost?: (() => Promise<string>) | undefined;
  readonly timers: Timers;
  /** @throws DRedisError if the node stays down */
  revive(): Promise<void>;
}

/** Identifies a server within this process. Values are compared with `===`. */
export type ServerKey = unknown;

/** The servers that nodes of this process wait for. */
const servers = new Map<ServerKey, Retries>();

/** Interval at which host names are resolved again during a long delay, in milliseconds. */
const RESOLVE_INTERVAL_MS = 1000;

/**
 * Retries for one server, shared by all stores of this process: only one node tries to reach the server. If it
 * succeeds, the other nodes follow immediately.
 */
export class Retries {
  readonly #server: ServerKey;
  readonly #timers: Timers;
  /** In the order in which the nodes try. */
  readonly #waiting = new Set<Retryable>();
  #count = 0;
  #isTrying = false;
  #timer: NodeJS.Timeout | undefined;
  #addresses: string | undefined;

  private constructor(server: ServerKey, timers: Timers) {
    this.#server = server;
    this.#timers = timers;
  }

  /** Retries a node until it leaves. */
  static join(server: ServerKey, node: Retryable): void {
    let retries = servers.get(server);
    if (retries === undefined) {
      retries = new Retries(server, node.timers);
      servers.set(server, retries);
    }
    retries.#waiting.add(node);
    retries.#schedule();
  }

  /** Ends the retries of a node that is up or closed. */
  static leave(server: ServerKey, node: Retryable): void {
    const retries = servers.get(server);
    if (retries === undefined) return;
    retries.#waiting.delete(node);
    if (retries.#waiting.size === 0) retries.#end();
  }

  /** Retries the nodes of a server now, because the server works for another node. */
  static serverWorks(server: ServerKey): void {
    const retries = servers.get(server);
    if (retries !== undefined && !retries.#isTrying) void retries.#try();
  }

  #schedule(): void {
    if (this.#isTrying || this.#timer !== undefined || this.#waiting.size === 0) return;
    const maxMs = Math.min(...Array.from(this.#waiting, ({ maxRetryDelayMs }) => maxRetryDelayMs));
    const delayMs = retryDelayMs(this.#count, maxMs);
    this.#count += 1;
    this.#addresses = undefined;
    this.#wait(delayMs);
  }

  /** Waits until the next retry is due, or until a host name gets other addresses. */
  #wait(delayMs: number): void {
    const isLong = delayMs > RESOLVE_INTERVAL_MS;
    if (isLong) this.#resolve();
    this.#timer = this.#timers.setTimeout(
      () => (isLong ? this.#wait(delayMs - RESOLVE_INTERVAL_MS) : void this.#try()),
      isLong ? RESOLVE_INTERVAL_MS : delayMs,
    );
    // A pending retry must not keep the process alive.
    this.#timer.unref();
  }

  #resolve(): void {
    const [first] = this.#waiting;
    first?.resolveHost?.().then((addresses) => {
      const before = this.#addresses;
      this.#addresses = addresses;
      if (before !== undefined && before !== addresses && !this.#isTrying) void this.#try();
    }, noop);
  }

  async #try(): Promise<void> {
    this.#stopTimer();
    this.#isTrying = true;
    const isUp = await this.#tryInTurn();
    this.#isTrying = false;
    if (isUp) {
      this.#count = 0;
      for (const node of this.#waiting) node.revive().catch(noop);
    }
    this.#schedule();
  }

  /** Retries one node. If its store is configured wrongly, retries the next node. @returns whether a node is up */
  async #tryInTurn(): Promise<boolean> {
    for (const node of [...this.#waiting]) {
      if (!this.#waiting.delete(node)) continue;
      // The next round begins with another node.
      this.#waiting.add(node);
      try {
        await node.revive();
        return true;
      } catch (error) {
        if (!concernsOneStore(error)) return false;
      }
    }
    return false;
  }

  #stopTimer(): void {
    this.#timers.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #end(): void {
    this.#stopTimer();
    servers.delete(this.#server);
  }
}

/** Whether another store may reach the server, because the credentials or the certificates of one are wrong. */
function concernsOneStore(error: unknown): boolean {
  if (isRefusal(error)) return true;
  if (!(error instanceof NodeUnavailableError)) return false;
  const { cause } = error;
  return (
    isErrorReply(cause) ||
    (cause instanceof Error && 'code' in cause && /CERT|SIGNATURE|TLS|SSL/.test(String(cause.code)))
  );
}
