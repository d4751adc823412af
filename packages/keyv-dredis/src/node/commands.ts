import { RESP_TYPES } from 'redis';
import type { RedisClient } from '../connection/redis-client.js';
import { PROBE_KEY } from '../format/reserved-keys.js';
import { decodeValue, mayBeBytes, type StoredValue } from '../format/values.js';

/** A page of SCAN. */
export interface ScanPage {
  /** Cursor of the next page; `'0'` after the last one. */
  readonly cursor: string;
  readonly keys: readonly string[];
}

/** Cursor of SCAN before the first page and after the last one. */
export const SCAN_START = '0';

type Arguments = readonly (string | Buffer)[];

// timeout: 0 turns off node-redis' own timeout. That timeout costs an AbortSignal per command, and does not
// include the wait for the reply, because it ends when the command is written to the socket. The typeMapping
// overrides the mapping in the client's options, because that mapping could return keys as Buffers, and
// numbers as text.
const AS_TEXT = { timeout: 0, typeMapping: {} };
const AS_BYTES = { timeout: 0, typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };

/**
 * The Redis commands that the store sends through one node's client. They use `sendCommand`, because the
 * client's own methods create a parser and two more promises per command.
 */
export class Commands {
  /**
   * Whether all values read or written so far were text. As long as the flag is true, values are read as
   * text, which is faster than decoding bytes. If a reply may contain bytes, the flag becomes false, and the
   * values are requested again as bytes.
   */
  #allText = true;
  /** False once the server has refused MSETEX. */
  #hasMSetEx = true;
  readonly #send: (args: Arguments, options: object, isReadonly: boolean) => Promise<unknown>;

  constructor(client: RedisClient) {
    // A sentinel client takes an extra argument, because it may send reads to replicas.
    this.#send =
      'setTracer' in client || 'getSentinelNode' in client
        ? (args, options, isReadonly) =>
            client.sendCommand(isReadonly as never, args as never, options as never)
        : (args, options) => client.sendCommand(args as never, options as never);
  }

  /** Each key's value; undefined if the key is missing or has another type, such as a list. */
  async mGet(keys: readonly string[]): Promise<readonly (StoredValue | undefined)[]> {
    const args = ['MGET', ...keys];
    if (this.#allText) {
      const texts = (await this.#send(args, AS_TEXT, true)) as (string | null | undefined)[];
      if (nullToUndefined(texts)) return texts as (string | undefined)[];
      this.#allText = false;
    }
    const stored = (await this.#send(args, AS_BYTES, true)) as (Buffer | null)[];
    return stored.map((value) => (value === null ? undefined : decodeValue(value)));
  }

  /**
   * Stores a value, or removes the key if the expiry is in the past.
   *
   * @param expiresAt milliseconds since the Unix epoch
   */
  set(key: string, value: StoredValue, expiresAt: number | undefined): Promise<unknown> {
    const ttlMs = remainingMs(expiresAt);
    if (ttlMs === 0) return this.unlink([key]);
    this.#allText &&= typeof value === 'string';
    return this.#send(
      ttlMs === undefined ? ['SET', key, value] : ['SET', key, value, 'PX', String(ttlMs)],
      AS_TEXT,
      false,
    );
  }

  /**
   * Stores values that all have the same expiry. Sends one command: MSET, or MSETEX (since Redis 8.4 and
   * Valkey 9.1).
   *
   * @returns false if the server refuses or does not know the command; then nothing was stored
   */
  async mSet(
    keys: readonly string[],
    values: readonly StoredValue[],
    expiresAt: number | undefined,
  ): Promise<boolean> {
    const ttlMs = remainingMs(expiresAt);
    if (ttlMs === 0) await this.unlink(keys);
    else if (ttlMs === undefined) await this.#send(['MSET', ...this.#pairs(keys, values)], AS_TEXT, false);
    else return this.#mSetEx(keys, values, ttlMs);
    return true;
  }

  /** Removes keys, and frees the memory in the background. @returns how many of them existed */
  unlink(keys: readonly string[]): Promise<number> {
    return this.#send(['UNLINK', ...keys], AS_TEXT, false) as Promise<number>;
  }

  async exists(key: string): Promise<boolean> {
    return (await this.#send(['EXISTS', key], AS_TEXT, true)) === 1;
  }

  async scan(cursor: string, pattern: string, count: number): Promise<ScanPage> {
    const args = ['SCAN', cursor, 'MATCH', pattern, 'COUNT', String(count)];
    const [next, keys] = (await this.#send(args, AS_TEXT, true)) as [string, string[]];
    return { cursor: next, keys };
  }

  /** Checks the node with a write, because a server that is read-only or out of memory still answers PING. */
  probe(): Promise<unknown> {
    return this.#send(['SET', PROBE_KEY, '', 'PX', '1'], AS_TEXT, false);
  }

  /** The value of a key that holds text. */
  getText(key: string): Promise<string | null> {
    return this.#send(['GET', key], AS_TEXT, true) as Promise<string | null>;
  }

  setMembers(set: string): Promise<readonly string[]> {
    return this.#send(['SMEMBERS', set], AS_TEXT, true) as Promise<readonly string[]>;
  }

  addMembers(set: string, members: readonly string[]): Promise<unknown> {
    return this.#send(['SADD', set, ...members], AS_TEXT, false);
  }

  removeMembers(set: string, members: readonly string[]): Promise<unknown> {
    return this.#send(['SREM', set, ...members], AS_TEXT, false);
  }

  memberCount(set: string): Promise<number> {
    return this.#send(['SCARD', set], AS_TEXT, true) as Promise<number>;
  }

  /** @param ttlMs milliseconds from now */
  expire(key: string, ttlMs: number): Promise<unknown> {
    return this.#send(['PEXPIRE', key, String(ttlMs)], AS_TEXT, false);
  }

  /** Information about the server, in lines of `name:value`. */
  info(): Promise<string> {
    return this.#send(['INFO'], AS_TEXT, true) as Promise<string>;
  }

  /** The server's id for this connection, unique until the server restarts. */
  connectionId(): Promise<number> {
    return this.#send(['CLIENT', 'ID'], AS_TEXT, true) as Promise<number>;
  }

  /** Closes another connection, so that the server stops executing commands that were sent on it. */
  killConnection(id: number): Promise<unknown> {
    return this.#send(['CLIENT', 'KILL', 'ID', String(id)], AS_TEXT, false);
  }

  async #mSetEx(keys: readonly string[], values: readonly StoredValue[], ttlMs: number): Promise<boolean> {
    if (!this.#hasMSetEx) return false;
    try {
      const args = ['MSETEX', String(keys.length), ...this.#pairs(keys, values), 'PX', String(ttlMs)];
      await this.#send(args, AS_TEXT, false);
    } catch (error) {
      if (!(error instanceof Error && /^(ERR unknown command|NOPERM)/.test(error.message))) throw error;
      this.#hasMSetEx = false;
    }
    return this.#hasMSetEx;
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

/** Replaces null with undefined, in place. @returns false if a value may not be text */
function nullToUndefined(texts: (string | null | undefined)[]): boolean {
  for (let index = 0; index < texts.length; index += 1) {
    const text = texts[index];
    if (text === null || text === undefined) texts[index] = undefined;
    else if (mayBeBytes(text)) return false;
  }
  return true;
}

/**
 * Milliseconds until an expiry. Computed when the command is built, which may be some time after the call.
 */
function remainingMs(expiresAt: number | undefined): number | undefined {
  return expiresAt === undefined ? undefined : Math.max(0, expiresAt - Date.now());
}
