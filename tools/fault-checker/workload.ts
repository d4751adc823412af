import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from './random.js';
import type { RecordedClient } from './recorded-client.js';

/** The keys that all clients use. There are few keys, so that each key is written often. */
export const KEYS = Array.from({ length: 120 }, (_, number) => `key-${number}`);

const KEYS_PER_CALL = { from: 2, to: 8 };
const PAUSE_MS = { from: 2, to: 30 };

type Call = (client: RecordedClient, random: Random) => Promise<void>;

/** Each call's share out of 10,000. clear() is rare, because reads find nothing after it. */
const CALLS: readonly (readonly [share: number, call: Call])[] = [
  [4_500, (client, random) => client.get(random.pick(KEYS))],
  [500, (client, random) => client.has(random.pick(KEYS))],
  [1_000, (client, random) => client.getMany(someKeys(random))],
  [2_897, (client, random) => client.set(random.pick(KEYS))],
  [400, (client, random) => client.setMany(someKeys(random))],
  [500, (client, random) => client.delete(random.pick(KEYS))],
  [200, (client, random) => client.deleteMany(someKeys(random))],
  [3, (client) => client.clear()],
];

/** Holds the client that callers use. It may be replaced. */
export interface ClientSlot {
  client: RecordedClient;
}

/** Runs one of a client's callers: one call after another, with pauses. */
export async function callUntil(slot: ClientSlot, random: Random, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    await nextCall(random)(slot.client, random);
    await sleep(random.integer(PAUSE_MS.from, PAUSE_MS.to));
  }
}

function nextCall(random: Random): Call {
  let left = random.integer(1, 10_000);
  for (const [share, call] of CALLS) {
    left -= share;
    if (left <= 0) return call;
  }
  throw new Error('the call shares do not add up to 10,000');
}

const someKeys = (random: Random) =>
  random.shuffled(KEYS).slice(0, random.integer(KEYS_PER_CALL.from, KEYS_PER_CALL.to));
