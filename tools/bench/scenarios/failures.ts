import { setTimeout as sleep } from 'node:timers/promises';
import { ask, isLinked, type RedisServer } from 'redis-launcher';
import { now } from '../../shared/clock.js';
import type { Servers } from '../harness/contestant.js';
import type { Cell, Metric, MetricValues, RoundContext, Scenario } from '../harness/scenario.js';
import { SMALL_BYTES } from './caller-cells.js';
import { FailureWatch, type OutageTimes } from './failure-watch.js';

/** In each process. */
const CALLER_COUNT = 32;
/** In each process. The keys of one process are not those of another one, so each knows what it should read. */
const KEY_COUNT = 500;
const PROCESS_COUNT = 2;
const BEFORE_OUTAGE_MS = 1_000;
const OUTAGE_MS = 5_000;
/** If there has been no trouble for this long, the round ends. */
const HEALTHY_MS = 1_000;
/** The round ends no later than this long after the server's return. */
const MAX_RECOVERY_MS = 30_000;
const POLL_MS = 25;
const FAST_MS = 10;

interface Outage {
  readonly table: string;
  begin(server: RedisServer): Promise<void>;
  end(server: RedisServer): Promise<void>;
}

/** What happens to the victim. */
export const OUTAGES = {
  kill: {
    table: `One server is killed, and restarted without data after ${OUTAGE_MS / 1000} s`,
    begin: (server) => server.kill(),
    end: (server) => server.start(),
  },
  freeze: {
    table: `One server is frozen for ${OUTAGE_MS / 1000} s`,
    begin: (server) => server.pause(),
    end: (server) => server.resume(),
  },
} as const satisfies Readonly<Record<string, Outage>>;

export const OUTAGE_COLUMN = `${PROCESS_COUNT * CALLER_COUNT} callers`;

interface FailureCell extends Cell, OutageTimes {
  readonly outage: keyof typeof OUTAGES;
  /** `host:port` of the server that is lost. */
  readonly victim: string;
  /** Number of the process. */
  readonly process: number;
  readonly phase: 'start' | 'poll' | 'end';
}

type Measure = RoundContext<FailureCell>['measure'];

const NO_TIMES: OutageTimes = { orderedAt: 0, lostAt: 0, returnedAt: 0 };

const count = (key: string, label: string): Metric => ({
  key,
  label,
  better: 'less',
  format: (value) => value.toLocaleString('en-US', { maximumFractionDigits: 0 }),
});
const milliseconds = (key: string, label: string): Metric => ({
  key,
  label: `${label}, ms`,
  better: 'less',
  format: (value) => value.toLocaleString('en-US', { maximumFractionDigits: value < FAST_MS ? 1 : 0 }),
});

export const failures: Scenario<FailureCell> = {
  name: 'failures',
  about:
    `${PROCESS_COUNT} processes with ${CALLER_COUNT} callers each use ` +
    `${(PROCESS_COUNT * KEY_COUNT).toLocaleString('en-US')} keys as a cache-aside cache: 90 % reads, 10 % writes, a ` +
    'write after each miss, and a pause of about 10 ms between two calls. One server is killed (SIGKILL), and ' +
    `restarted without data ${OUTAGE_MS / 1000} s later; or it is frozen (SIGSTOP), and continues ` +
    `${OUTAGE_MS / 1000} s later. In a cluster, it is a master, and in a Sentinel group, the primary. The round ends ` +
    `when no call has failed, missed or read a stale value for ${HEALTHY_MS / 1000} s, or ` +
    `${MAX_RECOVERY_MS / 1000} s after the server's return. The first two rows count only calls for that server's ` +
    'keys. A call is served if it reads or stores a value. An answer within 10 ms may be an error. The server is in ' +
    'service again when it answers calls for its keys, and the store uses all servers (`status()`), or when the ' +
    'server is a synchronized replica of the one that replaced it. Times are those of the slower process, and counts ' +
    'are sums. The cluster and Sentinel declare a server down after 2 s (`cluster-node-timeout`, ' +
    '`down-after-milliseconds`).',
  metrics: [
    milliseconds('fastMs', `kill or freeze to first answer within ${FAST_MS} ms`),
    milliseconds('servedMs', 'kill or freeze to first served call'),
    milliseconds('promotedMs', 'kill or freeze to promotion of a replica'),
    milliseconds('returnMs', 'restart or thaw to return to service'),
    count('failed', 'failed reads'),
    count('refused', 'failed or dropped writes'),
    count('misses', 'misses'),
    count('stale', 'stale reads'),
    count('unanswered', 'calls without an answer at the end'),
    milliseconds('longestMs', 'longest call'),
  ],
  contestants: [
    ...['dredis-failover', 'dredis-error', 'dredis-miss'],
    ...['keyv-redis-defaults', 'keyv-redis-replicated', 'keyv-redis-sentinel'],
  ],
  cells: () =>
    (['kill', 'freeze'] as const).map((outage) => ({
      table: OUTAGES[outage].table,
      column: OUTAGE_COLUMN,
      outage,
      victim: '',
      process: 0,
      phase: 'start',
      ...NO_TIMES,
    })),
  rowPerMetric: true,
  // All contestants share the servers. So if a process stayed open between its rounds, it would notice the
  // failures in the other contestants' rounds.
  freshProcess: true,
  flushesServers: true,
  async round({ cell, contestant, servers, measure, startOther }) {
    const { kind } = contestant.servers;
    const hasReplicas = kind === 'replicated' || kind === 'sentinel';
    const { begin, end }: Outage = OUTAGES[cell.outage];
    const measures = [measure];
    while (measures.length < PROCESS_COUNT) measures.push((await startOther()).measure);
    const victim = await firstPrimary(servers);
    const others = servers.filter((server) => server !== victim);
    const otherPrimaryCount = await primaryCount(others);
    const victimCell = { ...cell, victim: victim.location };
    await inAll(measures, victimCell);
    await sleep(BEFORE_OUTAGE_MS);

    const orderedAt = now();
    await begin(victim);
    const lostAt = now();
    const deadline = lostAt + OUTAGE_MS;
    const promotedAt = hasReplicas
      ? await promotionTime(kind, others, otherPrimaryCount, deadline)
      : undefined;
    await sleep(deadline - now());

    const returnedAt = now();
    await end(victim);
    const times = { orderedAt, lostAt, returnedAt };
    let linkedAt: number | undefined;
    while (now() < returnedAt + MAX_RECOVERY_MS) {
      if (promotedAt !== undefined && linkedAt === undefined) {
        if (isLinked(await replicationOf(victim))) linkedAt = now();
      } else {
        const polled = await inAll(measures, { ...victimCell, ...times, phase: 'poll' });
        if (polled.every(({ healthyMs = 0 }) => healthyMs >= HEALTHY_MS)) break;
      }
      await sleep(POLL_MS);
    }

    const values = combined(await inAll(measures, { ...victimCell, ...times, phase: 'end' }));
    if (promotedAt === undefined) return values;
    const { returnMs: _, ...rest } = values;
    return {
      ...rest,
      promotedMs: promotedAt - orderedAt,
      ...(linkedAt !== undefined && { returnMs: linkedAt - returnedAt }),
    };
  },
  async measure({ subject, workload }, { phase, process, victim, ...times }) {
    if (phase === 'start') {
      const load = workload(SMALL_BYTES);
      const keys = load.keys.slice(process * KEY_COUNT, (process + 1) * KEY_COUNT);
      watch = new FailureWatch(subject, { ...load, keys }, victim);
      await watch.start(CALLER_COUNT);
      return {};
    }
    if (watch === undefined) throw new Error(`phase "${phase}" came before phase "start"`);
    return phase === 'poll' ? { healthyMs: watch.healthyMs(times) } : watch.end(times, FAST_MS);
  },
};

/** Kept in the contestant's process from one phase to the next. */
let watch: FailureWatch | undefined;

/** Measures in all processes at once. */
function inAll(measures: readonly Measure[], cell: FailureCell): Promise<MetricValues[]> {
  return Promise.all(measures.map((measure, process) => measure({ ...cell, process })));
}

/** Combines the values of the processes: the longest time, if there is one in every process; the sum of counts. */
function combined(all: readonly MetricValues[]): MetricValues {
  const entries = failures.metrics.flatMap(({ key }) => {
    const values = all.flatMap((one) => one[key] ?? []);
    if (values.length < all.length) return [];
    const value = key.endsWith('Ms') ? Math.max(...values) : values.reduce((sum, one) => sum + one, 0);
    return [[key, value] as const];
  });
  return Object.fromEntries(entries);
}

/**
 * Waits until the surviving servers have promoted a replica. @returns the time of the promotion, or undefined
 * if the deadline passes first
 */
async function promotionTime(
  kind: Servers['kind'],
  survivors: readonly RedisServer[],
  primaryCountBefore: number,
  deadline: number,
): Promise<number | undefined> {
  while (now() < deadline) {
    // In a cluster, the replica is a master before the other servers know that it has the slots.
    const infos =
      kind === 'replicated'
        ? await Promise.all(survivors.map(({ location }) => ask(location, ['CLUSTER', 'INFO'])))
        : [];
    const isOk = infos.every((info) => info.includes('cluster_state:ok'));
    if (isOk && (await primaryCount(survivors)) > primaryCountBefore) return now();
    await sleep(POLL_MS);
  }
  return undefined;
}

/** Returns '' if there is no reply: a sentinel that reconfigures a server closes all connections to it. */
function replicationOf({ location }: RedisServer): Promise<string> {
  return ask(location, ['INFO', 'replication']).catch(() => '');
}

async function isPrimary(server: RedisServer): Promise<boolean> {
  return (await replicationOf(server)).includes('role:master');
}

async function primaryCount(servers: readonly RedisServer[]): Promise<number> {
  return (await Promise.all(servers.map(isPrimary))).filter(Boolean).length;
}

/** After an earlier failover, the first server may be a replica. */
async function firstPrimary(servers: readonly RedisServer[]): Promise<RedisServer> {
  for (const server of servers) {
    if (await isPrimary(server)) return server;
  }
  throw new Error('none of the servers is a primary');
}
