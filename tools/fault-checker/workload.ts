import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from './random.js';
import type { RecordedClient } from './recorded-client.js';

/**
 * Few, so that each is written again and again; and not so few that all of them are written while a node is away
 * for a moment: then the removal of what was missed would hide that a rollback was not noticed.
 */
export const KEYS = Array.from({ length: 120 }, (_, number) => `key-${number}`);

const MANY = { from: 2, to: 8 };
const THINK_MS = { from: 2, to: 30 };

/** How often each call is made, of 1000. clear() is rare, for it leaves nothing to read. */
const CALLS: readonly (readonly [
  share: number,
  call: (client: RecordedClient, random: Random) => Promise<void>,
])[] = [
  [500, (client, random) => client.get(random.pick(KEYS))],
  [100, (client, random) => client.getMany(someKeys(random))],
  [289, (client, random) => client.set(random.pick(KEYS))],
  [40, (client, random) => client.setMany(someKeys(random))],
  [50, (client, random) => client.delete(random.pick(KEYS))],
  [20, (client, random) => client.deleteMany(someKeys(random))],
  [1, (client) => client.clear()],
];

/** One caller of a client: makes a call, waits for its end, thinks, and goes on. */
export async function callUntil(
  client: RecordedClient,
  random: Random,
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    await nextCall(random)(client, random);
    await sleep(random.integer(THINK_MS.from, THINK_MS.to));
  }
}

function nextCall(random: Random): (client: RecordedClient, random: Random) => Promise<void> {
  let left = random.integer(1, 1000);
  for (const [share, call] of CALLS) {
    left -= share;
    if (left <= 0) return call;
  }
  throw new Error('the shares of the calls do not add up to 1000');
}

const someKeys = (random: Random) => random.shuffled(KEYS).slice(0, random.integer(MANY.from, MANY.to));
