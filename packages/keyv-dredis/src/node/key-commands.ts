import { decodeValue, mayBeBytes, type StoredValue } from '../format/values.js';
import { type ConfirmedWrite, RecentWrites } from './recent-writes.js';
import { asCount, asOk, asValues, MalformedReplyError } from './reply-shapes.js';
import { AS_BYTES, AS_TEXT, ServerCommands } from './server-commands.js';

/** The value has to be read again, as bytes. */
export const NOT_TEXT = Symbol('not text');

/**
 * The commands of calls with one key, and what the commands for several keys have in common with them. One method sends
 * a command and another one reads its reply, which saves a promise per call.
 */
export abstract class KeyCommands extends ServerCommands {
  /**
   * Whether all values read or written so far were text. As long as the flag is true, values are read as
   * text, which is faster than decoding bytes. If a reply may contain bytes, the flag becomes false, and the
   * values are requested again as bytes.
   */
  protected allText = true;
  /** The keys of confirmed writes since the last {@link KeyCommands.takeWrites}. */
  #writes = new RecentWrites();
  /** Whether to record the keys of confirmed writes. This costs time, and only servers with replicas need it. */
  recordsWrites = false;

  get hasWrites(): boolean {
    return !this.#writes.isEmpty;
  }

  /** The keys of confirmed writes since the last call. */
  takeWrites(): RecentWrites {
    const writes = this.#writes;
    this.#writes = new RecentWrites();
    return writes;
  }

  /** Reverts {@link KeyCommands.takeWrites}. */
  putBackWrites(writes: RecentWrites): void {
    this.#writes.addEarlier(writes);
  }

  /** Whether the server has a write, or cannot have it any more because it has expired. */
  async hasWrite({ key, value, expiresAt }: ConfirmedWrite): Promise<boolean> {
    const [stored] = asValues('MGET', await this.send(['MGET', key], AS_BYTES, false), 1);
    if (remainingMs(expiresAt) === 0) return true;
    if (value === undefined || stored === null) return value === undefined && stored === null;
    return Buffer.isBuffer(stored) && stored.equals(Buffer.isBuffer(value) ? value : Buffer.from(value));
  }

  /** Sends a read of one value. Pass the reply to {@link valueIn}. */
  sendGet(key: string): Promise<unknown> {
    return this.send(['GET', key], this.allText ? AS_TEXT : AS_BYTES, true);
  }

  /**
   * The value in a reply to {@link sendGet}; undefined if the key is missing.
   *
   * @returns {@link NOT_TEXT} if the value has to be read again, as bytes
   */
  valueIn(reply: unknown): StoredValue | undefined | typeof NOT_TEXT {
    if (reply === null || reply === undefined) return undefined;
    if (Buffer.isBuffer(reply)) return decodeValue(reply);
    if (typeof reply !== 'string') throw new MalformedReplyError('GET', 'a value or null', reply);
    if (!mayBeBytes(reply)) return reply;
    this.allText = false;
    return NOT_TEXT;
  }

  /** Sends a short value. An expiry in the past removes the key. Pass the reply to {@link checkSet}. */
  sendSet(
    key: string,
    value: StoredValue,
    expiresAt: number | undefined,
    send = this.send,
  ): Promise<unknown> {
    this.storing(value);
    const ttlMs = remainingMs(expiresAt);
    if (ttlMs === undefined) return send(['SET', key, value], AS_TEXT, false);
    if (ttlMs === 0) return send(['UNLINK', key], AS_TEXT, false);
    return send(['SET', key, value, 'PX', String(ttlMs)], AS_TEXT, false);
  }

  /** Checks a reply to {@link sendSet}, and records the write. */
  checkSet(reply: unknown, key: string, value: StoredValue, expiresAt: number | undefined): void {
    if (typeof reply === 'number' && remainingMs(expiresAt) === 0) asCount('UNLINK', reply);
    else asOk('SET', reply);
    this.stored(key, value, expiresAt);
  }

  /** Sends a removal. Pass the reply to {@link removedIn}. */
  sendUnlink(key: string): Promise<unknown> {
    return this.send(['UNLINK', key], AS_TEXT, false);
  }

  /** Checks a reply to {@link sendUnlink}, and records the removal. @returns whether the key existed */
  removedIn(reply: unknown, key: string): boolean {
    const count = asCount('UNLINK', reply);
    this.stored(key, undefined, undefined);
    return count > 0;
  }

  /** Sends a check for a key. Pass the reply to {@link existsIn}. */
  sendExists(key: string): Promise<unknown> {
    return this.send(['EXISTS', key], AS_TEXT, true);
  }

  /** Whether the key exists, from a reply to {@link sendExists}. */
  existsIn(reply: unknown): boolean {
    return asCount('EXISTS', reply) === 1;
  }

  /** A value is going to be stored. */
  protected storing(value: StoredValue): void {
    this.allText &&= typeof value === 'string';
  }

  /** Records a confirmed write. */
  protected stored(key: string, value: StoredValue | undefined, expiresAt: number | undefined): void {
    if (!this.recordsWrites) this.#writes.addUnknown();
    else this.#writes.add(key, remainingMs(expiresAt) === 0 ? undefined : value, expiresAt);
  }
}

/**
 * Milliseconds until an expiry. Computed when the command is built, which may be some time after the call.
 */
export function remainingMs(expiresAt: number | undefined): number | undefined {
  return expiresAt === undefined ? undefined : Math.max(0, expiresAt - Date.now());
}
