/** A worker process: several clients that make calls until the parent sends `finish`. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { DRedisStore, type DRedisStoreOptions, type LocationOptions } from 'keyv-dredis';
import { now } from '../shared/clock.js';
import { EventLoopDelay } from './event-loop-delay.js';
import { type Entry, serializeEntries } from './history.js';
import { Random } from './random.js';
import { RecordedClient } from './recorded-client.js';
import { StoreWithoutHints } from './store-without-hints.js';
import { callUntil, KEYS } from './workload.js';

export interface WorkerSetup {
  readonly name: string;
  readonly seed: string;
  readonly clientCount: number;
  /** Whether the stores record hints. */
  readonly hints: boolean;
  readonly locations: readonly LocationOptions[];
  /** The stores' options. */
  readonly options: DRedisStoreOptions;
  /** Path of the file for the recorded entries. */
  readonly file: string;
}

/** Message from a worker to its parent. */
export interface WorkerReady {
  readonly type: 'ready';
  readonly at: number;
}

/** More than one caller, so that calls share batches and connections. */
const CALLERS_PER_CLIENT = 2;
const FLUSH_INTERVAL_MS = 100;
/** If a call is still in flight this long after `finish`, it has hung. */
const CALLS_TIMEOUT_MS = 10_000;
/** Much longer than the retry pauses after outages of a few seconds, because the machine may be loaded. */
const NODES_UP_TIMEOUT_MS = 30_000;
const POLL_MS = 100;

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
const clients = Array.from({ length: setup.clientCount }, (_, number) => {
  const Store = setup.hints ? DRedisStore : StoreWithoutHints;
  const store = new Store(setup.locations, setup.options);
  return new RecordedClient(`${setup.name}.c${number + 1}`, store, log, eventLoopDelay);
});
// This also runs after an uncaught error. In that case, the process still exits with a non-zero code.
process.on('exit', () => {
  for (const client of clients) client.logPending();
  flush();
  closeSync(file);
});
// The parent has exited.
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
await Promise.race([Promise.all(callers), sleep(CALLS_TIMEOUT_MS, undefined, { ref: false })]);
for (const client of clients) await waitForNodes(client);
for (const client of clients) await client.getMany(KEYS);
await Promise.all(clients.map((client) => client.disconnect()));
process.removeAllListeners('disconnect');
process.disconnect();

/**
 * Waits until a client sees all nodes as up, and records each node that does not come up in time. A suspect
 * node comes up only when it replies to a command, so this function reads from the nodes that are not up.
 */
async function waitForNodes(client: RecordedClient): Promise<void> {
  while (client.nodesNotUp.length > 0 && now() - finishedAt < NODES_UP_TIMEOUT_MS) {
    await Promise.all(
      client.nodesNotUp.flatMap((node) => {
        const key = KEYS.find((key) => client.ownerOf(key) === node);
        return key === undefined ? [] : [client.get(key)];
      }),
    );
    await sleep(POLL_MS);
  }
  for (const node of client.nodesNotUp) {
    log({ type: 'stuck', client: client.name, node, waitedMs: now() - finishedAt });
  }
}
