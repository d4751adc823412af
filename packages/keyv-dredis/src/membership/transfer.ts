import { randomUUID } from 'node:crypto';
import { STAGED_PREFIX } from '../format/reserved-keys.js';
import { decodeValue, type StoredValue } from '../format/values.js';
import { asValues } from '../node/reply-shapes.js';
import type { Arguments } from '../node/server-commands.js';
import { type Claim, type Entry, MAX_SHORT_BYTES, readEntries, readLongEntry, timeLeft } from './entries.js';
import { evaluate, removeStrings } from './script-calls.js';
import { LEASE, LEASE_MS, REPLY, STORE, STORE_STAGED } from './scripts.js';
import type { Send } from './send.js';

/** The way of entries from their previous owner to their owner. */
export interface PullRoute {
  readonly from: Send;
  readonly to: Send;
  /** Head of the record that moves the entries. See {@link recordHead}. */
  readonly head: string;
}

/** Makes a script leave out the values that the owner has. */
const NO_VALUES = -1;

/** How often an entry is tried again whose lease is lost although no write has taken it: it expired, for example. */
const MAX_ATTEMPTS = 8;

/** Moves the entries of one page. */
export class Transfer {
  /** Values at the owner, if they are wanted. */
  readonly values: (StoredValue | undefined)[];
  movedCount = 0;
  skippedCount = 0;
  readonly #keys: readonly string[];
  readonly #route: PullRoute;
  readonly #wantsValues: boolean;
  readonly #drops: Promise<void>[] = [];

  constructor(keys: readonly string[], route: PullRoute, wantsValues: boolean) {
    this.#keys = keys;
    this.#route = route;
    this.#wantsValues = wantsValues;
    this.values = wantsValues ? new Array(keys.length).fill(undefined) : [];
  }

  async run(): Promise<void> {
    let pending = Array.from(this.#keys, (_, index) => index);
    for (let attempt = 1; pending.length > 0; attempt += 1) {
      if (attempt > MAX_ATTEMPTS) {
        this.skippedCount += pending.length;
        return;
      }
      pending = await this.#attempt(pending);
    }
  }

  /** Settles when the entries were removed from their previous owner. */
  async dropped(): Promise<void> {
    await Promise.all(this.#drops);
  }

  /** @returns the keys whose leases are lost, without a value at the owner */
  async #attempt(indices: readonly number[]): Promise<number[]> {
    const lost: number[] = [];
    const long: number[] = [];
    let claims: readonly Claim[] = await this.#claim(indices);
    while (claims.length > 0) {
      const read = await readEntries(claims, this.#route.from, this.#route.head);
      claims = claims.slice(read.count);
      long.push(...read.long);
      this.skippedCount += read.otherTypeCount;
      if (read.entries.length > 0) lost.push(...(await this.#store(read.entries)));
    }
    // One at a time, because of the memory.
    for (const index of long) if (!(await this.#moveLong(index))) lost.push(index);
    return lost;
  }

  /** Takes the leases of keys that the owner does not have. */
  async #claim(indices: readonly number[]): Promise<Claim[]> {
    // A new token each time: another pull may share the old one, and a write may have taken it away from both.
    const own = randomUUID();
    const args = [this.#route.head, own, this.#maxAnswer()];
    const keys = indices.map((index) => this.#keys[index] as string);
    const reply = await this.#eval(this.#route.to, LEASE, keys, () => args);
    const claims: Claim[] = [];
    const there: number[] = [];
    for (const [position, index] of indices.entries()) {
      const answer = reply[position];
      if (answer === REPLY.leased) claims.push({ index, key: keys[position] as string, token: own });
      else if (Array.isArray(answer)) claims.push({ index, key: keys[position] as string, token: answer[0] });
      else if (Buffer.isBuffer(answer)) this.values[index] = decodeValue(answer);
      else there.push(index);
    }
    if (this.#wantsValues) await this.#readThere(there);
    else this.#drop(there);
    return claims;
  }

  /** Stores values at the owner. @returns the keys whose leases are lost, without a value at the owner */
  async #store(entries: readonly Entry[]): Promise<readonly number[]> {
    const { to, head } = this.#route;
    const keys = entries.map(({ key }) => key);
    const reply = await this.#eval(to, STORE, keys, () => storeArguments(head, this.#maxAnswer(), entries));
    const lost: number[] = [];
    const there: number[] = [];
    const drops: number[] = [];
    for (const [position, { index, value }] of entries.entries()) {
      const answer = reply[position];
      if (answer === REPLY.stored) this.#moved(index, value as Buffer);
      else if (Buffer.isBuffer(answer)) this.values[index] = decodeValue(answer);
      else if (answer === REPLY.there) there.push(index);
      if (value === undefined) continue;
      if (answer === null) lost.push(index);
      else drops.push(index);
    }
    this.#drop(drops);
    await this.#readThere(there);
    return lost;
  }

  /** @returns false if the lease is lost, without a value at the owner */
  async #moveLong(index: number): Promise<boolean> {
    // The first lease may be old by now.
    const [claim] = await this.#claim([index]);
    if (claim === undefined) return true;
    const { from, to, head } = this.#route;
    const entry = await readLongEntry(claim, from, head);
    if (entry.value === undefined) return (await this.#store([entry])).length === 0;
    const { key, token, value } = entry;
    const staged = STAGED_PREFIX + randomUUID();
    if (!(await to((commands) => commands.stage(staged, value as Buffer, LEASE_MS)))) {
      this.skippedCount += 1;
      return true;
    }
    const keys = [key, staged];
    const args = () => [head, token, timeLeft(entry)];
    const answer = await evaluate(to, STORE_STAGED, keys, args, Number);
    if (answer === REPLY.stored) this.#moved(index, value);
    else if (answer === REPLY.there) await this.#readThere([index]);
    else return entry.value === undefined;
    this.#drop([index]);
    return true;
  }

  #moved(index: number, value: Buffer): void {
    this.movedCount += 1;
    if (this.#wantsValues) this.values[index] = decodeValue(value);
  }

  /** Reads values that the owner has, and that were not in the reply of a script. */
  async #readThere(indices: readonly number[]): Promise<void> {
    if (!this.#wantsValues || indices.length === 0) return;
    const keys = indices.map((index) => this.#keys[index] as string);
    const values = await this.#route.to((commands) => commands.mGet(keys));
    for (const [position, index] of indices.entries()) this.values[index] = values[position];
  }

  /** Removes entries from their previous owner in the background. */
  #drop(indices: readonly number[]): void {
    if (indices.length === 0) return;
    const keys = indices.map((index) => this.#keys[index] as string);
    const drop = removeStrings(keys, this.#route.from, this.#route.head).then(({ otherCount }) => {
      this.skippedCount += otherCount;
    });
    drop.catch(noop);
    this.#drops.push(drop);
  }

  #maxAnswer(): string {
    return String(this.#wantsValues ? MAX_SHORT_BYTES : NO_VALUES);
  }

  #eval(send: Send, script: string, keys: readonly string[], args: () => Arguments): Promise<unknown[]> {
    return evaluate(send, script, keys, args, (reply) => asValues('EVAL', reply, keys.length));
  }
}

/** Arguments of {@link STORE}. */
function storeArguments(head: string, maxAnswer: string, entries: readonly Entry[]): (string | Buffer)[] {
  const [{ token: own }] = entries as [Entry];
  const args: (string | Buffer)[] = [];
  const values: Buffer[] = [];
  for (const entry of entries) {
    const left = timeLeft(entry);
    const { token, value } = entry;
    args.push(token === own ? '' : token, left, String(value?.length ?? 0));
    if (value !== undefined) values.push(value);
  }
  // One argument for all values, because node-redis writes each Buffer to the socket by itself.
  return [head, maxAnswer, Buffer.concat(values), own, ...args];
}

function noop(): void {}
