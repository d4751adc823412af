/**
 * Soak test: looks for leaks in the store while servers fail.
 *
 * 64 callers use the store. Every 20 s, one of four servers is killed or frozen, and comes back a few seconds
 * later. Resources are measured after a warm-up and at the end.
 *
 * Run: `npx -y pnpm@12 soak --minutes 10`; `--help` lists the options.
 * Output: a table of resources before and after, the outcomes of all calls, and the Node.js warnings. The
 * exit code is 1 if a resource grew, a read was stale, a call never ended, or Node.js emitted a warning.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { DRedisStore } from 'keyv-dredis';
import { type RedisServer, startRedis } from 'redis-launcher';
import { CacheAsideCallers, type Outcome } from '../shared/cache-aside-callers.js';
import { createWorkload } from '../shared/workload.js';
import { count, dim, heading, line, table } from '../terminal/terminal.js';
import { countTimers } from './count-timers.js';
import { parseOptions } from './options.js';
import { measureUsage, RESOURCES, type Resource, type ResourceUsage } from './resource-usage.js';

const SERVER_COUNT = 4;
const CALLER_COUNT = 64;
const KEY_COUNT = 1_000;
const VALUE_BYTES = 100;
const WARM_UP_FAILURES = 2;
const FAILURE_INTERVAL_MS = 20_000;
/**
 * The store marks a frozen server as down only after three command timeouts of 2 s. So a frozen server stays
 * away longer than a killed server.
 */
const AWAY_MS = { kill: 5_000, freeze: 9_000 };
/** Longer than the longest backoff and the longest command. */
const RECOVERY_MS = 45_000;
const POLL_MS = 100;
/** Time for the timers of finished calls to fire before resources are measured. */
const SETTLE_MS = 3_000;

const { minutes, nodeDownPolicy } = parseOptions(process.argv.slice(2));
const timerCount = countTimers();
const warnings: string[] = [];
process.on('warning', ({ message }) => warnings.push(message));

await using redis = await startRedis({ count: SERVER_COUNT });
await using store = new DRedisStore(redis.locations, { namespace: 'soak', nodeDownPolicy });
await store.connect();
const outcomes: Partial<Record<Outcome, number>> = {};
const workload = createWorkload(VALUE_BYTES, '');
const callers = new CacheAsideCallers(store, workload, KEY_COUNT, (outcome) => {
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
});

heading(`Soak test: ${minutes} minutes, nodeDownPolicy: '${nodeDownPolicy}', ${CALLER_COUNT} callers`);
await callers.fill();
line('warm-up: one server is killed, and one is frozen');
const before = await usageAfterFailures(WARM_UP_FAILURES);
const after = await usageAfterFailures(Math.max(1, Math.round((minutes * 60_000) / FAILURE_INTERVAL_MS)));
const grown = printGrowth(before, after);

line('');
line(
  Object.entries(outcomes)
    .map(([outcome, times]) => `${outcome} ${count(times)}`)
    .join(', '),
);
for (const warning of warnings) line(`warning: ${warning}`);
const staleCount = outcomes.stale ?? 0;
if (staleCount > 0)
  line('stale: a read returned a value older than one acknowledged before the read started');
if (callers.pending.size > 0) line(`${count(callers.pending.size)} calls never ended`);
process.exitCode = grown.length + warnings.length + staleCount + callers.pending.size > 0 ? 1 : 0;

async function usageAfterFailures(failureCount: number): Promise<ResourceUsage> {
  callers.start(CALLER_COUNT);
  await failInTurn(failureCount);
  await untilAllUp();
  await callers.stop(RECOVERY_MS);
  await sleep(SETTLE_MS);
  return measureUsage(store, timerCount);
}

/**
 * Makes one server after another fail. Kills and freezes alternate. In the next lap, each server gets the
 * other kind of failure.
 */
async function failInTurn(failureCount: number): Promise<void> {
  for (let turn = 0; turn < failureCount; turn++) {
    const server = redis.servers[turn % SERVER_COUNT] as RedisServer;
    const lap = Math.floor(turn / SERVER_COUNT);
    const kind = (turn + lap) % 2 === 0 ? 'kill' : 'freeze';
    line(dim(`${turn + 1} of ${failureCount}: ${kind} ${server.location}`));
    await Promise.race([
      Promise.all([failOnce(server, kind), sleep(FAILURE_INTERVAL_MS)]),
      rejectionOf(callers.done),
    ]);
  }
}

async function failOnce(server: RedisServer, kind: keyof typeof AWAY_MS): Promise<void> {
  await (kind === 'kill' ? server.kill() : server.pause());
  await sleep(AWAY_MS[kind]);
  await (kind === 'kill' ? server.start() : server.resume());
}

/** Rejects if the promise rejects, and never resolves. */
async function rejectionOf(promise: Promise<unknown>): Promise<never> {
  await promise;
  return new Promise(() => {});
}

async function untilAllUp(): Promise<void> {
  const deadline = performance.now() + RECOVERY_MS;
  const isUp = () => {
    const { nodes, topology } = store.status();
    const isSettled = topology.phase === 'settled' && Object.keys(topology.states).length === 0;
    return isSettled && nodes.every(({ state }) => state === 'up');
  };
  while (!isUp()) {
    if (performance.now() > deadline)
      throw new Error(
        `not all nodes are in service after ${RECOVERY_MS} ms: ${JSON.stringify(store.status())}`,
      );
    await sleep(POLL_MS);
  }
}

/** Prints the comparison. @returns the resources that grew more than allowed */
function printGrowth(before: ResourceUsage, after: ResourceUsage): readonly Resource[] {
  const resources = Object.keys(RESOURCES) as Resource[];
  const grown = resources.filter((name) => after[name] - before[name] > RESOURCES[name].maxGrowth);
  table(
    ['', 'before', 'after', 'allowed growth', ''],
    resources.map((name) => {
      const { maxGrowth, format } = RESOURCES[name];
      const verdict = grown.includes(name) ? 'GROWN' : 'ok';
      return [name, format(before[name]), format(after[name]), format(maxGrowth), verdict];
    }),
  );
  return grown;
}
