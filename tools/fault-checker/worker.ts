/** A process with several clients of the store, which make calls until they are told to finish. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { DRedisStore, type LocationOptions } from '../../packages/keyv-dredis/src/index.js';
import { StoreWithoutHints } from '../../packages/keyv-dredis/test/support/store-without-hints.js';
import { now } from '../shared/clock.js';
import { EventLoopLateness } from './event-loop-lateness.js';
import { type Entry, linesOf } from './history.js';
import { Random } from './random.js';
import { RecordedClient } from './recorded-client.js';
import { callUntil, KEYS } from './workload.js';

export interface WorkerSetup {
  readonly name: string;
  readonly seed: string;
  readonly clientCount: number;
  /** Whether the stores record hints. */
  readonly hints: boolean;
  readonly locations: readonly LocationOptions[];
  /** Of the store; some of them a store may not know yet. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Where the history goes. */
  readonly file: string;
}

/** What a worker says; `at` on the clock of the history. */
export interface WorkerReady {
  readonly type: 'ready';
  readonly at: number;
}

/** Of each client, so that calls meet in its batches and on its connections. */
const CALLERS_PER_CLIENT = 2;
const WRITE_EVERY_MS = 100;
/** What is still under way so long after the end never ends. */
const CALLS_END_WITHIN_MS = 10_000;
/** Reconnecting takes 2 s at most, and a loaded machine may take its time. */
const COMES_BACK_WITHIN_MS = 30_000;
const POLL_MS = 20;

const setup = JSON.parse(process.argv[2] as string) as WorkerSetup;
const file = openSync(setup.file, 'a');
let unwritten: Entry[] = [];
const log = (entry: Entry) => {
  unwritten.push(entry);
};
const write = () => {
  if (unwritten.length > 0) writeSync(file, linesOf(unwritten));
  unwritten = [];
};
setInterval(write, WRITE_EVERY_MS).unref();

const lateness = new EventLoopLateness();
const clients = Array.from({ length: setup.clientCount }, (_, number) => {
  const Store = setup.hints ? DRedisStore : StoreWithoutHints;
  const store = new Store(setup.locations, setup.options);
  return new RecordedClient(`${setup.name}.c${number + 1}`, store, log, lateness);
});
// However this process ends: an uncaught error comes by here too, and goes on.
process.on('exit', () => {
  for (const client of clients) client.logPending();
  write();
  closeSync(file);
});
// Whoever started it is gone.
process.once('disconnect', () => process.exit());

await Promise.all(clients.map((client) => client.connect()));
clients[0]?.logOwners(KEYS);
let isOver = false;
const finish = new Promise<void>((resolve) => process.once('message', () => resolve()));
const ready: WorkerReady = { type: 'ready', at: now() };
process.send?.(ready);

const callers = clients.flatMap((client) =>
  Array.from({ length: CALLERS_PER_CLIENT }, (_, number) =>
    callUntil(client, new Random(`${setup.seed} ${client.name} ${number}`), () => isOver),
  ),
);
await finish;
const finishedAt = now();
isOver = true;
await Promise.race([Promise.all(callers), sleep(CALLS_END_WITHIN_MS, undefined, { ref: false })]);
for (const client of clients) await waitForNodes(client);
for (const client of clients) await client.getMany(KEYS);
await Promise.all(clients.map((client) => client.disconnect()));
process.removeAllListeners('disconnect');
process.disconnect();

/** Waits until a client sees all nodes up, as long as it takes; or much longer than that. */
async function waitForNodes(client: RecordedClient): Promise<void> {
  while (client.nodesAway.length > 0 && now() - finishedAt < COMES_BACK_WITHIN_MS) await sleep(POLL_MS);
  for (const node of client.nodesAway) {
    log({ type: 'stuck', client: client.name, node, waitedMs: now() - finishedAt });
  }
}
