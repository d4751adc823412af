/**
 * Lets 64 callers use the store for minutes while its servers fail in turn, one each 20 s, and fails where something
 * has grown by then: `npx -y pnpm@12 soak`; see USAGE.
 */
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type RedisServer, startRedis } from 'redis-launcher';
import type { NodeDownPolicy } from '../../packages/keyv-dredis/src/config/options.js';
import { DRedisStore } from '../../packages/keyv-dredis/src/index.js';
import { CacheUsers, type Outcome } from '../bench/harness/cache-users.js';
import { countTimers } from '../bench/harness/count-timers.js';
import { createWorkload } from '../bench/harness/workload.js';
import { count, dim, heading, line, megabytes, table } from '../terminal/terminal.js';

const USAGE = `pnpm soak [options]      kills and freezes servers under the store, and looks for leaks
  --minutes 10          how long, after the warm-up
  --mode failover       nodeDownPolicy: error, miss or failover`;

const CALLERS = 64;
const KEYS = 1_000;
const EACH_MS = 20_000;
/** How long a server is away. A frozen one has to be given up first: three timeouts of 2 s. */
const AWAY_MS = { kill: 5_000, freeze: 9_000 };
/** More than the longest back-off, and for what is under way to end. */
const MOST_MS = 45_000;
const SETTLE_MS = 3_000;

const { values } = parseArgs({
  args: process.argv.slice(2).filter((arg) => arg !== '--'),
  options: {
    help: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '10' },
    mode: { type: 'string', default: 'failover' },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit();
}
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new Error(`--minutes must be a number above 0, got ${values.minutes}`);
const { gc } = globalThis;
if (gc === undefined) throw new Error('run it with --expose-gc');

/** What is compared, and by how much it may grow: what V8 compiles and caches, and nothing that adds up. */
const FIGURES = {
  'heap after gc': { mayGrow: 1e6, format: megabytes },
  sockets: { mayGrow: 0, format: count },
  'open files': { mayGrow: 0, format: count },
  'timers that keep the process alive': { mayGrow: 0, format: count },
  'timers, all': { mayGrow: 0, format: count },
  'listeners of the store': { mayGrow: 0, format: count },
  'listeners of its clients': { mayGrow: 0, format: count },
  // Hints that a server got too late are carried out next time: one set about each node.
  'its own keys on the servers': { mayGrow: 4, format: count },
} as const;
type Figures = Record<keyof typeof FIGURES, number>;

const timerCount = countTimers();
const warnings: string[] = [];
process.on('warning', ({ message }) => warnings.push(message));

await using redis = await startRedis({ count: 4 });
// What is not allowed throws here, with its own words.
await using store = new DRedisStore(redis.locations, {
  namespace: 'soak',
  nodeDownPolicy: values.mode as NodeDownPolicy,
});
await store.connect();
const outcomes: Partial<Record<Outcome, number>> = {};
const subject = {
  get: (key: string) => store.get(key),
  set: (key: string, value: string) => store.set(key, value),
};
const users = new CacheUsers(subject, createWorkload(100, ''), KEYS, (outcome) => {
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
});
const clients = clientsOf(store);

heading(`Soak of ${minutes} minutes, nodeDownPolicy: '${values.mode}', ${CALLERS} callers`);
await users.fill();
line('warm-up: a server is killed, and one is frozen');
users.start(CALLERS);
await play(2);
const before = await measure();
users.start(CALLERS);
await play(Math.max(1, Math.round((minutes * 60_000) / EACH_MS)));
const after = await measure();

const grown = (Object.keys(FIGURES) as (keyof Figures)[]).filter(
  (name) => after[name] - before[name] > FIGURES[name].mayGrow,
);
table(
  ['', 'before', 'after', 'may grow', ''],
  (Object.keys(FIGURES) as (keyof Figures)[]).map((name) => {
    const { mayGrow, format } = FIGURES[name];
    const verdict = grown.includes(name) ? 'GROWN' : 'ok';
    return [name, format(before[name]), format(after[name]), format(mayGrow), verdict];
  }),
);
line('');
line(
  Object.entries(outcomes)
    .map(([outcome, times]) => `${outcome} ${count(times)}`)
    .join(', '),
);
for (const warning of warnings) line(`warning: ${warning}`);
const older = outcomes.older ?? 0;
if (older > 0) line('values were older than a write that was acknowledged before they were asked for');
process.exitCode = grown.length + warnings.length + older + users.pending.size > 0 ? 1 : 0;

/** Lets servers fail in turn, killed or frozen, every other time the other way round. */
async function play(times: number): Promise<void> {
  for (let turn = 0; turn < times; turn++) {
    const server = redis.servers[turn % redis.servers.length] as RedisServer;
    const lap = Math.floor(turn / redis.servers.length);
    const how = (turn + lap) % 2 === 0 ? 'kill' : 'freeze';
    line(dim(`${turn + 1} of ${times}: ${how} ${server.location}`));
    await Promise.race([Promise.all([failure(server, how), sleep(EACH_MS)]), forever(users.done)]);
  }
}

async function failure(server: RedisServer, how: keyof typeof AWAY_MS): Promise<void> {
  await (how === 'kill' ? server.kill() : server.pause());
  await sleep(AWAY_MS[how]);
  await (how === 'kill' ? server.start() : server.resume());
}

/** Only what rejects is news. */
async function forever(done: Promise<unknown>): Promise<never> {
  await done;
  return new Promise(() => {});
}

/** What there is while nobody calls and all servers are up. */
async function measure(): Promise<Figures> {
  await untilUp();
  await users.stop(MOST_MS);
  await sleep(SETTLE_MS);
  const ownKeys = await Promise.all([...clients.values()].map((client) => client.keys('%dredis:*')));
  for (let turn = 0; turn < 5; turn++) {
    gc?.();
    await sleep(50);
  }
  const resources = process.getActiveResourcesInfo();
  return {
    'heap after gc': process.memoryUsage().heapUsed,
    sockets: resources.filter((name) => name === 'TCPSocketWrap').length,
    'open files': openFiles(),
    'timers that keep the process alive': resources.filter((name) => name === 'Timeout').length,
    'timers, all': timerCount(),
    'listeners of the store': listenersOf(store),
    'listeners of its clients': [...clients.values()].reduce((sum, client) => sum + listenersOf(client), 0),
    'its own keys on the servers': ownKeys.flat().length,
  };
}

async function untilUp(): Promise<void> {
  const endsAt = performance.now() + MOST_MS;
  while (store.status().some(({ state }) => state !== 'up')) {
    if (performance.now() > endsAt)
      throw new Error(`not up within ${MOST_MS} ms: ${JSON.stringify(store.status())}`);
    await sleep(100);
  }
}

function clientsOf(store: DRedisStore) {
  const found = new Map<string, ReturnType<typeof store.locate>['client']>();
  for (let number = 0; found.size < store.nodes.length; number++) {
    const { node, client } = store.locate(`key ${number}`);
    found.set(node, client);
  }
  return found;
}

function listenersOf(emitter: {
  eventNames(): (string | symbol)[];
  listenerCount(name: string | symbol): number;
}): number {
  return emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0);
}

/** 0 where the system does not tell. */
function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}
