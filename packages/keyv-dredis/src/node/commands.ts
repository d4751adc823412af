import { RESP_TYPES } from 'redis';
import type { RedisClient } from '../connection/redis-client.js';
import { PROBE_KEY } from '../format/reserved-keys.js';
import { decodeValue, mayBeBytes, type StoredValue } from '../format/values.js';
import { asCount, asOk, asText, asTexts, asValues, MalformedReplyError } from './reply-shapes.js';

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
 * The Redis commands that the store sends through the client of one node. They use `sendCommand`, because the
 * client's methods build a parser and two more promises per command. Each checks the shape of its reply, and
 * rejects with MalformedReplyError if it is wrong.
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
      const texts = asValues('MGET', await this.#send(args, AS_TEXT, true), keys.length);
      if (nullToUndefined(texts)) return texts as (string | undefined)[];
      this.#allText = false;
    }
    const stored = asValues('MGET', await this.#send(args, AS_BYTES, true), keys.length);
    return stored.map((value) => {
      if (value === null || value === undefined) return undefined;
      if (Buffer.isBuffer(value)) return decodeValue(value);
      throw new MalformedReplyError('MGET', 'a list of values or null', value);
    });
  }

  /** Stores a value. An expiry in the past removes the key. @param expiresAt milliseconds since the Unix epoch */
  async set(key: string, value: StoredValue, expiresAt: number | undefined): Promise<void> {
    const ttlMs = remainingMs(expiresAt);
    if (ttlMs === 0) {
      await this.unlink([key]);
      return;
    }
    this.#allText &&= typeof value === 'string';
    const args = ttlMs === undefined ? ['SET', key, value] : ['SET', key, value, 'PX', String(ttlMs)];
    asOk('SET', await this.#send(args, AS_TEXT, false));
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
    else if (ttlMs === undefined) {
      asOk('MSET', await this.#send(['MSET', ...this.#pairs(keys, values)], AS_TEXT, false));
    } else return this.#mSetEx(keys, values, ttlMs);
    return true;
  }

  /** Removes keys, and frees the memory in the background. @returns how many of them existed */
  async unlink(keys: readonly string[]): Promise<number> {
    return asCount('UNLINK', await this.#send(['UNLINK', ...keys], AS_TEXT, false));
  }

  async exists(key: string): Promise<boolean> {
    return asCount('EXISTS', await this.#send(['EXISTS', key], AS_TEXT, true)) === 1;
  }

  /** A page of SCAN. @param seen cursors of earlier pages: one that comes again would make an endless loop */
  async scan(cursor: string, pattern: string, count: number, seen: ReadonlySet<string>): Promise<ScanPage> {
    const args = ['SCAN', cursor, 'MATCH', pattern, 'COUNT', String(count)];
    const [next, keys] = asValues('SCAN', await this.#send(args, AS_TEXT, true), 2);
    if (typeof next !== 'string' || next === '')
      throw new MalformedReplyError('SCAN', 'a cursor and keys', next);
    if (seen.has(next)) throw new MalformedReplyError('SCAN', 'a new cursor', next);
    return { cursor: next, keys: asTexts('SCAN', keys) };
  }

  /** Checks the node with a write, because a server that is read-only or out of memory still answers PING. */
  probe(): Promise<unknown> {
    return this.#send(['SET', PROBE_KEY, '', 'PX', '1'], AS_TEXT, false);
  }

  /** The value of a key that holds text. */
  async getText(key: string): Promise<string | undefined> {
    return asText('GET', await this.#send(['GET', key], AS_TEXT, true));
  }

  async setMembers(set: string): Promise<readonly string[]> {
    return asTexts('SMEMBERS', await this.#send(['SMEMBERS', set], AS_TEXT, true));
  }

  addMembers(set: string, members: readonly string[]): Promise<unknown> {
    return this.#send(['SADD', set, ...members], AS_TEXT, false);
  }

  removeMembers(set: string, members: readonly string[]): Promise<unknown> {
    return this.#send(['SREM', set, ...members], AS_TEXT, false);
  }

  async memberCount(set: string): Promise<number> {
    return asCount('SCARD', await this.#send(['SCARD', set], AS_TEXT, true));
  }

  /** @param ttlMs milliseconds from now */
  expire(key: string, ttlMs: number): Promise<unknown> {
    return this.#send(['PEXPIRE', key, String(ttlMs)], AS_TEXT, false);
  }

  /** Lines of `name:value`. */
  async info(): Promise<string> {
    return asText('INFO', await this.#send(['INFO'], AS_TEXT, true)) ?? '';
  }

  /** The server's id of this connection, unique until the server restarts. */
  async connectionId(): Promise<number> {
    return asCount('CLIENT ID', await this.#send(['CLIENT', 'ID'], AS_TEXT, true));
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

/** Replaces null by undefined, in place. @returns whether all values are certainly text */
function nullToUndefined(values: unknown[]): boolean {
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index];
    if (value === null || value === undefined) values[index] = undefined;
    else if (typeof value !== 'string') throw new MalformedReplyError('MGET', 'texts or null', value);
    else if (mayBeBytes(value)) return false;
  }
  return true;
}

/**
 * Milliseconds until an expiry. Computed when the command is built, which may be some time after the call.
 */
function remainingMs(expiresAt: number | undefined): number | undefined {
  return expiresAt === undefined ? undefined : Math.max(0, expiresAt - Date.now());
}
