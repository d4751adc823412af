import { decodeValue, mayBeBytes, type StoredValue } from '../format/values.js';
import { partsOf } from './command-length.js';
import { KeyCommands, NOT_TEXT, remainingMs } from './key-commands.js';
import { isWrongType } from './replies.js';
import { asCount, asOk, asValues, MalformedReplyError } from './reply-shapes.js';
import { AS_BYTES, AS_TEXT, type Send } from './server-commands.js';
import { isLong } from './value-limit.js';

/** Commands for keys and values that the server executes or refuses as a whole. */
export abstract class ValueCommands extends KeyCommands {
  /** Each key's value; undefined if the key is missing or has another type, such as a list. */
  async mGet(keys: readonly string[]): Promise<readonly (StoredValue | undefined)[]> {
    if (keys.length === 1) return [await this.#get(keys[0] as string)];
    const parts = partsOf(keys.length, (index) => (keys[index] as string).length);
    if (parts.length === 1) return this.#mGet(keys);
    const values = Promise.all(parts.map(([from, to]) => this.#mGet(keys.slice(from, to))));
    return values.then((lists) => lists.flat());
  }

  /** Stores a value. An expiry in the past removes the key. @param expiresAt milliseconds since the Unix epoch */
  set(key: string, value: StoredValue, expiresAt: number | undefined): Promise<void> {
    if (!isLong(value)) return this.#set(key, value, expiresAt, this.send);
    return this.#setLong(key, value, expiresAt);
  }

  /**
   * Stores a value under a temporary key, from which a script takes it. It does not count as a write of a caller.
   *
   * @returns whether the server accepts a value of this length; if false, it was not sent
   */
  stage(key: string, value: Buffer, ttlMs: number): Promise<boolean> {
    return this.#sendLong(value, async (send) => {
      asOk('SET', await send(['SET', key, value, 'PX', String(ttlMs)], AS_TEXT, false));
    });
  }

  /**
   * Stores values that all have the same expiry. Sends one command: MSET, or MSETEX (since Redis 8.4 and
   * Valkey 9.1). If the values are long, sends several commands.
   *
   * @returns whether the server accepted MSETEX; if false, short values were not stored. Undefined if MSETEX was not
   * needed.
   */
  async mSet(
    keys: readonly string[],
    values: readonly StoredValue[],
    expiresAt: number | undefined,
  ): Promise<boolean | undefined> {
    const lengthOf = (index: number) =>
      (keys[index] as string).length + (values[index] as StoredValue).length;
    const parts = partsOf(keys.length, lengthOf);
    if (parts.length === 1 && keys.length > 1) return this.#mSet(keys, values, expiresAt);
    const accepted = await Promise.all(
      parts.map(async ([from, to]) => {
        if (to - from > 1) return this.#mSet(keys.slice(from, to), values.slice(from, to), expiresAt);
        await this.set(keys[from] as string, values[from] as StoredValue, expiresAt);
        return undefined;
      }),
    );
    return accepted.find((each) => each === false) ?? accepted.find(Boolean);
  }

  /** Removes keys, and frees the memory in the background. @returns how many of them existed */
  unlink(keys: readonly string[]): Promise<number> {
    const parts = partsOf(keys.length, (index) => (keys[index] as string).length);
    if (parts.length === 1) return this.#unlink(keys);
    const counts = Promise.all(parts.map(([from, to]) => this.#unlink(keys.slice(from, to))));
    return counts.then((list) => list.reduce((sum, count) => sum + count, 0));
  }

  async exists(key: string): Promise<boolean> {
    return this.existsIn(await this.sendExists(key));
  }

  async #get(key: string): Promise<StoredValue | undefined> {
    try {
      for (let attempt = 1; attempt <= 2; attempt += 1) {
        const value = this.valueIn(await this.sendGet(key));
        if (value !== NOT_TEXT) return value;
      }
    } catch (error) {
      if (isWrongType(error)) return undefined;
      throw error;
    }
    throw new MalformedReplyError('GET', 'bytes', 'text');
  }

  async #mGet(keys: readonly string[]): Promise<readonly (StoredValue | undefined)[]> {
    const args = ['MGET', ...keys];
    if (this.allText) {
      const texts = asValues('MGET', await this.send(args, AS_TEXT, true), keys.length);
      if (nullToUndefined(texts)) return texts as (string | undefined)[];
      this.allText = false;
    }
    const stored = asValues('MGET', await this.send(args, AS_BYTES, true), keys.length);
    return stored.map((value) => {
      if (value === null || value === undefined) return undefined;
      if (Buffer.isBuffer(value)) return decodeValue(value);
      throw new MalformedReplyError('MGET', 'a list of values or null', value);
    });
  }

  async #unlink(keys: readonly string[]): Promise<number> {
    const count = asCount('UNLINK', await this.send(['UNLINK', ...keys], AS_TEXT, false));
    for (const key of keys) this.stored(key, undefined, undefined);
    return count;
  }

  async #set(key: string, value: StoredValue, expiresAt: number | undefined, send: Send): Promise<void> {
    this.checkSet(await this.sendSet(key, value, expiresAt, send), key, value, expiresAt);
  }

  async #setLong(key: string, value: StoredValue, expiresAt: number | undefined): Promise<void> {
    const isAccepted = await this.#sendLong(value, (send) => this.#set(key, value, expiresAt, send));
    if (!isAccepted) throw this.limit.refusal(value);
  }

  /** @returns whether the server accepts a value of this length; if false, nothing was sent */
  async #sendLong(value: StoredValue, store: (send: Send) => Promise<void>): Promise<boolean> {
    let send = this.send;
    if (!this.limit.accepts(value)) {
      const connectionError = await this.limit.ask();
      if (connectionError !== undefined) throw connectionError;
      if (!this.limit.accepts(value)) return false;
      // Before the commands that waited for the answer.
      send = this.sendNow;
    }
    try {
      await store(send);
      this.limit.stored();
      return true;
    } catch (error) {
      this.limit.failed(value, error);
      throw error;
    }
  }

  async #mSet(
    keys: readonly string[],
    values: readonly StoredValue[],
    expiresAt: number | undefined,
  ): Promise<boolean | undefined> {
    const ttlMs = remainingMs(expiresAt);
    if (ttlMs === 0) {
      await this.unlink(keys);
      return undefined;
    }
    let accepted: true | undefined;
    if (ttlMs === undefined) {
      asOk('MSET', await this.send(['MSET', ...this.#pairs(keys, values)], AS_TEXT, false));
    } else {
      if (!(await this.#mSetEx(keys, values, ttlMs))) return false;
      accepted = true;
    }
    keys.forEach((key, index) => {
      this.stored(key, values[index], expiresAt);
    });
    return accepted;
  }

  async #mSetEx(keys: readonly string[], values: readonly StoredValue[], ttlMs: number): Promise<boolean> {
    try {
      const args = ['MSETEX', String(keys.length), ...this.#pairs(keys, values), 'PX', String(ttlMs)];
      await this.send(args, AS_TEXT, false);
      return true;
    } catch (error) {
      if (error instanceof Error && /^(ERR unknown command|NOPERM)/.test(error.message)) return false;
      throw error;
    }
  }

  #pairs(keys: readonly string[], values: readonly StoredValue[]): StoredValue[] {
    const flat: StoredValue[] = [];
    for (let index = 0; index < keys.length; index += 1) {
      const value = values[index] as StoredValue;
      this.storing(value);
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
