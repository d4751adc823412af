import { errorReply } from '../connection/redis-client.js';
import type { StoredValue } from '../format/values.js';
import { remainingMs } from './key-commands.js';
import { FOR_EACH, SET_EACH } from './key-scripts.js';
import { asOk, asValues, MalformedReplyError } from './reply-shapes.js';
import { AS_TEXT } from './server-commands.js';
import { ValueCommands } from './value-commands.js';

/** An entry to store. */
export interface Entry {
  /** Physical key. */
  readonly key: string;
  readonly value: StoredValue;
  /** Milliseconds since the Unix epoch; undefined for never. */
  readonly expiresAt: number | undefined;
}

/** The result for one key, or the server's error reply for this key alone. */
export type KeyResult = boolean | Error;

/** Commands that several calls share, by their names for {@link Commands.mayShare}. */
export type SharedCommandName = 'MGET' | 'MSET' | 'EVAL';

/**
 * All commands that the store sends through the client of one node. This class adds commands that several calls share,
 * and whose results are lists.
 */
export class Commands extends ValueCommands {
  readonly #unavailable = new Set<SharedCommandName>();
  #runsScripts = false;

  /** Whether calls may share a command on this connection. */
  mayShare(name: SharedCommandName): boolean {
    return name === 'EVAL' ? this.#runsScripts && !this.#unavailable.has(name) : !this.#unavailable.has(name);
  }

  /** The server has refused a shared command. Until the next connection, each call gets a command of its own. */
  notShared(name: SharedCommandName): void {
    this.#unavailable.add(name);
  }

  /**
   * Finds out which commands calls may share on a new connection. A shared script cannot find out itself: until it is
   * refused, later calls may overtake the calls that share it. Never rejects.
   */
  async askForScripts(): Promise<void> {
    this.#unavailable.clear();
    this.#runsScripts = false;
    try {
      this.#runsScripts = (await this.own('EVAL', ['EVAL', 'return 1', '0'])) === 1;
    } catch {
      // The server refuses scripts, or the connection was lost.
    }
  }

  /** Whether each key exists. */
  existsEach(keys: readonly string[]): Promise<readonly KeyResult[]> {
    return this.#forEach('EXISTS', keys);
  }

  /** Removes keys. @returns whether each key existed */
  async unlinkEach(keys: readonly string[]): Promise<readonly KeyResult[]> {
    const results = await this.#forEach('UNLINK', keys);
    results.forEach((result, index) => {
      if (typeof result === 'boolean') this.stored(keys[index] as string, undefined, undefined);
    });
    return results;
  }

  /** Stores entries with short values, in their order. @returns true for each entry that was stored */
  async setEach(entries: readonly Entry[]): Promise<readonly KeyResult[]> {
    const keys: string[] = [];
    const args: StoredValue[] = [];
    for (const { key, value, expiresAt } of entries) {
      this.storing(value);
      keys.push(key);
      args.push(value, String(remainingMs(expiresAt) ?? ''));
    }
    const results = await this.#script(SET_EACH, keys, args);
    entries.forEach(({ key, value, expiresAt }, index) => {
      if (results[index] === true) this.stored(key, value, expiresAt);
    });
    return results;
  }

  /** Stores entries with short values that never expire, in their order: all of them or none. */
  async setAll(entries: readonly Entry[]): Promise<void> {
    const args: StoredValue[] = ['MSET'];
    for (const { key, value } of entries) {
      this.storing(value);
      args.push(key, value);
    }
    asOk('MSET', await this.send(args, AS_TEXT, false));
    for (const { key, value } of entries) this.stored(key, value, undefined);
  }

  #forEach(command: string, keys: readonly string[]): Promise<readonly KeyResult[]> {
    return this.#script(FOR_EACH, keys, [command]);
  }

  async #script(
    script: string,
    keys: readonly string[],
    args: readonly StoredValue[],
  ): Promise<readonly KeyResult[]> {
    const replies = asValues('EVAL', await this.eval(script, keys, args), keys.length);
    return replies.map((reply) => {
      if (reply === 0) return false;
      if (reply === 1) return true;
      if (typeof reply === 'string') return errorReply(reply);
      throw new MalformedReplyError('EVAL', 'a list of 0, 1 or an error', reply);
    });
  }
}
