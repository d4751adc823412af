import { RESP_TYPES } from 'redis';
import type { RedisClient } from '../connection/redis-client.js';
import { PROBE_KEY } from '../format/keyspace.js';
import { decodeValue, mayBeBytes, type StoredValue } from '../format/values.js';

/** A page of SCAN. */
export interface ScanPage {
  /** Where to go on; `'0'` after the last page. */
  readonly cursor: string;
  readonly keys: readonly string[];
}

/** SCAN's cursor, before the first page and after the last. */
export const SCAN_START = '0';

type Arguments = readonly (string | Buffer)[];

// node-redis' own timeout costs an AbortSignal per command and does not cover the reply; Deadlines do.
// A client's own type mapping would have keys come as Buffers, and counts as text.
const TEXT = { timeout: 0, typeMapping: {} };
const BYTES = { timeout: 0, typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };

/**
 * The Redis commands of the store, on the client of one node: the only calls into node-redis but for
 * those that open and close a connection. They go out as bare arguments: the client's methods build a
 * parser and two more promises for each command.
 */
export class Commands {
  /**
   * No value has been other than text so far, written or read. Until one is, values are read as text,
   * which takes less than bytes that are decoded afterwards; the first one that is not is read again.
   */
  #allText = true;
  /** Until the server says otherwise. */
  #hasMSetEx = true;
  readonly #send: (args: Arguments, options: object, isReadonly: boolean) => Promise<unknown>;

  constructor(client: RedisClient) {
    // A sentinel may send reads to replicas, and asks which commands are reads.
    this.#send =
      'setTracer' in client || 'getSentinelNode' in client
        ? (args, options, isReadonly) =>
            client.sendCommand(isReadonly as never, args as never, options as never)
        : (args, options) => client.sendCommand(args as never, options as never);
  }

  /** The values; null where there is none: no such key, or one that holds a list or another type. */
  async mGet(keys: readonly string[]): Promise<readonly (StoredValue | null)[]> {
    const args = ['MGET', ...keys];
    if (this.#allText) {
      const texts = (await this.#send(args, TEXT, true)) as (string | null)[];
      if (!texts.some((text) => text !== null && mayBeBytes(text))) return texts;
      this.#allText = false;
    }
    const stored = (await this.#send(args, BYTES, true)) as (Buffer | null)[];
    return stored.map((value) => value && decodeValue(value));
  }

  /** @param ttlMs whole milliseconds from now, above 0; undefined for no expiry */
  set(key: string, value: StoredValue, ttlMs: number | undefined): Promise<unknown> {
    this.#allText &&= typeof value === 'string';
    return this.#send(
      ttlMs === undefined ? ['SET', key, value] : ['SET', key, value, 'PX', String(ttlMs)],
      TEXT,
      false,
    );
  }

  mSet(keys: readonly string[], values: readonly StoredValue[]): Promise<unknown> {
    return this.#send(['MSET', ...this.#pairs(keys, values)], TEXT, false);
  }

  /**
   * The same with one expiry, from Redis 8.4 and Valkey 9.1 on.
   *
   * @returns whether the server knows how (and lets us); where not, nothing was stored
   */
  async mSetEx(keys: readonly string[], values: readonly StoredValue[], ttlMs: number): Promise<boolean> {
    if (!this.#hasMSetEx) return false;
    try {
      const args = ['MSETEX', String(keys.length), ...this.#pairs(keys, values), 'PX', String(ttlMs)];
      await this.#send(args, TEXT, false);
    } catch (error) {
      if (!(error instanceof Error && /^(ERR unknown command|NOPERM)/.test(error.message))) throw error;
      this.#hasMSetEx = false;
    }
    return this.#hasMSetEx;
  }

  /** How many of the keys existed. UNLINK frees the memory of large values outside the event loop. */
  unlink(keys: readonly string[]): Promise<number> {
    return this.#send(['UNLINK', ...keys], TEXT, false) as Promise<number>;
  }

  async exists(key: string): Promise<boolean> {
    return (await this.#send(['EXISTS', key], TEXT, true)) === 1;
  }

  async scan(cursor: string, pattern: string, count: number): Promise<ScanPage> {
    const args = ['SCAN', cursor, 'MATCH', pattern, 'COUNT', String(count)];
    const [next, keys] = (await this.#send(args, TEXT, true)) as [string, string[]];
    return { cursor: next, keys };
  }

  /**
   * Asks a server whether it can do its work: one that is read-only or out of memory answers PING all
   * the same.
   */
  probe(): Promise<unknown> {
    return this.#send(['SET', PROBE_KEY, '', 'PX', '1'], TEXT, false);
  }

  text(key: string): Promise<string | null> {
    return this.#send(['GET', key], TEXT, true) as Promise<string | null>;
  }

  members(set: string): Promise<readonly string[]> {
    return this.#send(['SMEMBERS', set], TEXT, true) as Promise<readonly string[]>;
  }

  addMembers(set: string, members: readonly string[]): Promise<unknown> {
    return this.#send(['SADD', set, ...members], TEXT, false);
  }

  removeMembers(set: string, members: readonly string[]): Promise<unknown> {
    return this.#send(['SREM', set, ...members], TEXT, false);
  }

  /** How many members a set has. */
  memberCount(set: string): Promise<number> {
    return this.#send(['SCARD', set], TEXT, true) as Promise<number>;
  }

  /** Lets a key expire. @param ttlMs milliseconds from now */
  expire(key: string, ttlMs: number): Promise<unknown> {
    return this.#send(['PEXPIRE', key, String(ttlMs)], TEXT, false);
  }

  /** What the server tells of itself: lines of `name:value`. */
  info(): Promise<string> {
    return this.#send(['INFO'], TEXT, true) as Promise<string>;
  }

  /** What the server calls this connection: no other one until it restarts. */
  connectionId(): Promise<number> {
    return this.#send(['CLIENT', 'ID'], TEXT, true) as Promise<number>;
  }

  /** Ends another connection: nothing that was sent on it happens any more. */
  endConnection(id: number): Promise<unknown> {
    return this.#send(['CLIENT', 'KILL', 'ID', String(id)], TEXT, false);
  }

  #pairs(keys: readonly string[], values: readonly StoredValue[]): StoredValue[] {
    const flat: StoredValue[] = [];
    for (let index = 0; index < keys.length; index += 1) {
      const value = values[index] as StoredValue;
      this.#allText &&= typeof value === 'string';
      flat.push(keys[index] as string, value);
    }
    return flat;
  }
}
