import { TOPOLOGY_KEY } from '../format/reserved-keys.js';
import { asValues, MalformedReplyError } from '../node/reply-shapes.js';
import { AS_BYTES } from '../node/server-commands.js';
import { SupersededError } from '../node/superseded.js';
import { timers } from '../timers.js';
import { evaluate } from './script-calls.js';
import { READ, UNREAD } from './scripts.js';
import type { Send } from './send.js';

/** A script that reads values ends when it has read this many bytes. */
const PAGE_BYTES = 2 ** 18;

/** Longer values are not passed to scripts, which would copy them several times. */
export const MAX_SHORT_BYTES = 2 ** 16;

/** Reply to PTTL if the key is missing. */
const MISSING = -2;

/** Reply to PTTL if the key never expires. */
const NO_EXPIRY = -1;

/** A key whose lease the pull has. */
export interface Claim {
  readonly index: number;
  readonly key: string;
  readonly token: string | Buffer;
}

/** What the previous owner has under a claimed key. */
export interface Entry extends Claim {
  /** Undefined if there is no value, or once it has expired on the way. */
  value: Buffer | undefined;
  /** Time left when the value was read, in milliseconds; negative if it never expires. */
  readonly ttlMs: number;
  readonly readAt: number;
}

/** Entries that one script has read. */
export interface ReadPage {
  /** Number of keys that were read. The others would have made the reply too long. */
  readonly count: number;
  readonly entries: readonly Entry[];
  /** Indices of keys with long values. See {@link readLongEntry}. */
  readonly long: readonly number[];
  readonly otherTypeCount: number;
}

/** Reads values at their previous owner, at least one. @throws SupersededError, CommandFailedError */
export async function readEntries(claims: readonly Claim[], from: Send, head: string): Promise<ReadPage> {
  // Before the read, so that an entry never outlives its expiry because of the way.
  const readAt = timers.now();
  const keys = claims.map(({ key }) => key);
  const args = [head, String(MAX_SHORT_BYTES), String(PAGE_BYTES)];
  const [lengths, values] = await evaluate(
    from,
    READ,
    keys,
    () => args,
    (reply) => asPage(reply, keys.length),
  );
  const entries: Entry[] = [];
  const long: number[] = [];
  let otherTypeCount = 0;
  let start = 0;
  for (let position = 0; position < lengths.length; position += 2) {
    const { index, key, token } = claims[position / 2] as Claim;
    const ttlMs = lengths[position] as number;
    const length = lengths[position + 1] as number;
    if (length === UNREAD.long) long.push(index);
    else if (length === UNREAD.otherType) otherTypeCount += 1;
    else {
      const value = ttlMs === MISSING ? undefined : values.subarray(start, start + length);
      entries.push({ index, key, token, value, ttlMs, readAt });
      start += length;
    }
  }
  return { count: lengths.length / 2, entries, long, otherTypeCount };
}

/**
 * Reads a long value. A script would copy it several times, and a server that is out of memory refuses transactions,
 * so other clients may change the key between the commands: the record must not change, and the shorter remaining
 * time counts.
 */
export async function readLongEntry(claim: Claim, from: Send, head: string): Promise<Entry> {
  const { key } = claim;
  const readHead = ['GETRANGE', TOPOLOGY_KEY, '0', String(Buffer.byteLength(head) - 1)];
  const readTime = ['PTTL', key];
  const replies = await from((commands) =>
    commands.pipeline([readHead, readTime, ['MGET', key], readTime, readHead], AS_BYTES),
  );
  const [before, timeBefore, values, timeAfter, after] = replies;
  // MGET returns null if the key holds another type by now.
  const [value] = values as [unknown];
  if (String(before) !== head || String(after) !== head) throw new SupersededError();
  const times = [Number(timeBefore), Number(timeAfter)];
  const limits = times.filter((time) => time >= 0);
  const isThere = Buffer.isBuffer(value) && !times.includes(MISSING);
  const ttlMs = limits.length > 0 ? Math.min(...limits) : NO_EXPIRY;
  return { ...claim, value: isThere ? value : undefined, ttlMs, readAt: timers.now() };
}

/** The argument for the time left. Empty if there is no value, or if it has expired since it was read. */
export function timeLeft(entry: Entry): string {
  if (entry.value === undefined) return '';
  if (entry.ttlMs < 0) return '0';
  const leftMs = Math.max(1, entry.ttlMs) - Math.floor(timers.now() - entry.readAt);
  if (leftMs > 0) return String(leftMs);
  entry.value = undefined;
  return '';
}

/** @throws MalformedReplyError unless the reply has pairs of numbers, at least one, and bytes */
function asPage(reply: unknown, keyCount: number): readonly [lengths: readonly number[], values: Buffer] {
  const [lengths, values] = asValues('EVAL', reply, 2);
  if (
    Array.isArray(lengths) &&
    lengths.length > 0 &&
    lengths.length % 2 === 0 &&
    lengths.length <= 2 * keyCount &&
    lengths.every(Number.isSafeInteger) &&
    Buffer.isBuffer(values)
  ) {
    return [lengths, values];
  }
  throw new MalformedReplyError('EVAL', 'pairs of numbers, and bytes', lengths);
}
