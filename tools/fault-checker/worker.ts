/** A worker process: several clients that make calls until the parent sends `stop`. */
import { once } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { DRedisStore, type DRedisStoreOptions, type LocationOptions } from 'keyv-dredis';
import { now } from '../shared/clock.js';
import { EventLoopDelay } from './event-loop-delay.js';
import { type Entry, serializeEntries } from './history.js';
import { type Part, StoreWithout } from './negative-controls.js';
import { Random } from './random.js';
import { type CheckedStore, RecordedClient } from './recorded-client.js';
import { type ClientSlot, callUntil, KEYS } from './workload.js';

export interface WorkerSetup {
  readonly name: string;
  readonly seed: string;
  readonly clientCount: number;
  /** How fast the process's clock runs. See clock-rate.ts. */
  readonly clockRate: number;
  /** A part of the protocol that the stores leave out. */
  readonly leftOut: Part | undefined;
  readonly locations: readonly LocationOptions[];
  /** The stores' options. */
  readonly options: DRedisStoreOptions;
  /** Path of the file for the recorded entries. */
  readonly file: string;
}

/** Message from a worker to its parent. */
export interface WorkerMessage {
  /** `ready`: the clients are connected. `stopped`: they write nothing any more, and see all nodes as up and in. */
  readonly type: 'ready' | 'stopped';
  readonly at: number;
}

/** Message from the parent to a worker. */
export type WorkerOrder = 'stop' | 'finish';

/** More than one caller, so that calls share batches and connections. */
const CALLERS_PER_CLIENT = 2;
const FLUSH_INTERVAL_MS = 100;
/** After this time, the process tells what keeps it from its end. */
const SLOW_FINISH_MS = 30_000;
/** If a call is still in flight this long after `stop`, it has hung. */
const CALLS_TIMEOUT_MS = 10_000;
/** Much longer than a node needs to come back after an outage of a few seconds, because the machine may be loaded. */
const RECOVERY_TIMEOUT_MS = 30_000;
const POLL_MS = 100;
/** Time between two replacements of clients. */
const REPLACE_MS = { from: 500, to: 3_000 };
/** The calls of a replaced client end in this time, or reject when it disconnects. */
const HAND_OVER_MS = 200;

const setup = JSON.parse(process.argv[2] as string) as WorkerSetup;
const file = openSync(setup.file, 'a');
let unwritten: Entry[] = [];
const log = (entry: Entry) => {
  unwritten.push(entry);
};
const flush = () => {
  if (unwritten.length > 0) writeSync(file, serializeEntries(unwritten));
  unwritten = [];
};
setInterval(flush, FLUSH_INTERVAL_MS).unref();

const eventLoopDelay = new EventLoopDelay();
/** All clients, including those that were replaced. */
const clients: RecordedClient[] = [];
const slots: ClientSlot[] = Array.from({ length: setup.clientCount }, (_, number) => ({
  client: newClient(`${setup.name}.c${number + 1}`),
}));
// This also runs after an uncaught error. In that case, the process still exits with a non-zero code.
process.on('exit', () => {
  for (const client of clients) client.logPending();
  flush();
  closeSync(file);
});
// The parent has exited.
process.once('disconnect', () => process.exit());

await Promise.all(clients.map((client) => client.connect()));
let isOver = false;
const stop = once(process, 'message');
send('ready');

const callers = slots.flatMap((slot, index) =>
  Array.from({ length: CALLERS_PER_CLIENT }, (_, number) =>
    callUntil(slot, new Random(`${setup.seed} ${setup.name}.c${index + 1} ${number}`), () => isOver),
  ),
);
callers.push(replaceClients(new Random(`${setup.seed} ${setup.name} clients`)));
await stop;
const finish = once(process, 'message');
const stoppedAt = now();
isOver = true;
await Promise.race([Promise.all(callers), sleep(CALLS_TIMEOUT_MS, undefined, { ref: false })]);
await Promise.all(slots.map(({ client }) => waitForRecovery(client)));
send('stopped');
await finish;
let step = 'the final reads';
setTimeout(() => {
  console.error(`${step} take long, with ${process.getActiveResourcesInfo().join(', ')}`);
}, SLOW_FINISH_MS).unref();
for (const { client } of slots) await client.finalRead(KEYS);
step = 'the disconnects';
await Promise.all(slots.map(({ client }) => client.disconnect()));
step = 'the last handles';
process.removeAllListeners('disconnect');
process.disconnect();

function send(type: WorkerMessage['type']): void {
  const message: WorkerMessage = { type, at: now() };
  process.send?.(message);
}

function newClient(name: string): RecordedClient {
  const client = new RecordedClient(name, newStore(), log, eventLoopDelay);
  clients.push(client);
  return client;
}

function newStore(): CheckedStore {
  const { locations, options, leftOut } = setup;
  return leftOut === undefined
    ? new DRedisStore(locations, options)
    : new StoreWithout(leftOut, locations, options);
}

/** Replaces clients by new ones until the calls are over. The new ones begin with the first list of nodes. */
async function replaceClients(random: Random): Promise<void> {
  for (let number = 1; ; number += 1) {
    const until = now() + random.integer(REPLACE_MS.from, REPLACE_MS.to);
    while (!isOver && now() < until) await sleep(POLL_MS);
    if (isOver) return;
    const slot = random.pick(slots);
    const { client } = slot;
    slot.client = newClient(`${client.name.split('-')[0]}-${number}`);
    await sleep(HAND_OVER_MS);
    await client.disconnect();
  }
}

/**
 * Waits until a client sees all nodes as up and in, and records what does not recover in time. Reads all keys
 * meanwhile, because a suspect node comes up only when it replies to a command.
 */
async function waitForRecovery(client: RecordedClient): Promise<void> {
  while (client.problems.length > 0 && now() - stoppedAt < RECOVERY_TIMEOUT_MS) {
    await client.getMany(KEYS);
    await sleep(POLL_MS);
  }
  for (const problem of client.problems) {
    log({ type: 'stuck', client: client.name, problem, waitedMs: now() - stoppedAt });
  }
}
