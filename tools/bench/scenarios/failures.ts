import { setTimeout as sleep } from 'node:timers/promises';
import { ask, isLinked, type RedisServer } from 'redis-launcher';
import { now } from '../../shared/clock.js';
import type { Cell, Metric, Scenario } from '../harness/scenario.js';
import { SMALL_BYTES } from './caller-cells.js';
import { type FailureTimes, FailureWatch } from './failure-watch.js';

const CALLER_COUNT = 64;
const KEY_COUNT = 1_000;
const BEFORE_KILL_MS = 1_000;
const AWAY_MS = 5_000;
/** If there has been no failed call or miss for this long, the round ends. */
const HEALTHY_MS = 1_000;
/** The round ends no later than this long after the restart. */
const MAX_RECOVERY_MS = 30_000;
const POLL_MS = 25;
const FAST_MS = 10;

interface FailureCell extends Cell, FailureTimes {
  /** `host:port` of the server that is killed. */
  readonly victim: string;
  readonly phase: 'start' | 'poll' | 'end';
}

const NO_TIMES: FailureTimes = { killedAt: 0, exitedAt: 0, restartedAt: 0 };

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
    `${CALLER_COUNT} callers use ${KEY_COUNT.toLocaleString('en-US')} keys as a cache-aside cache: 90 % reads, 10 % ` +
    'writes, a write after each miss, and a pause of about 10 ms between two calls. One server is killed (SIGKILL), ' +
    `and restarted without data ${AWAY_MS / 1000} s later. The round ends when no call has failed or missed for ` +
    `${HEALTHY_MS / 1000} s, or ${MAX_RECOVERY_MS / 1000} s after the restart. The first two rows count only calls ` +
    "for the killed server's keys. An answer within 10 ms may be an error. Readmission means the store's `node:up` " +
    'event, the first successful call to a single server, or the completed synchronization of a cluster replica. ' +
    'The cluster declares a master failed after 2 s (`cluster-node-timeout`).',
  metrics: [
    milliseconds('fastMs', `kill to first answer within ${FAST_MS} ms`),
    milliseconds('servedMs', 'kill to first successful write'),
    milliseconds('promotedMs', 'kill to a new master in the cluster'),
    milliseconds('readmittedMs', 'restart to readmission'),
    count('failed', 'failed reads'),
    count('refused', 'failed or dropped writes'),
    count('misses', 'misses'),
    count('stale', 'stale reads'),
    count('unanswered', 'calls without an answer at the end'),
    milliseconds('longestMs', 'longest call'),
  ],
  contestants: [
    ...['dredis-error', 'dredis-miss', 'dredis-failover'],
    ...['keyv-redis-defaults', 'keyv-redis-replicated'],
  ],
  cells: () => [
    {
      table: `One server is killed, and restarted after ${AWAY_MS / 1000} s`,
      column: `${CALLER_COUNT} callers`,
      victim: '',
      phase: 'start',
      ...NO_TIMES,
    },
  ],
  rowPerMetric: true,
  // All contestants share the servers. So if a process stayed open between its rounds, it would notice the
  // failures in the other contestants' rounds.
  freshProcess: true,
  async round({ cell, contestant, servers, measure }) {
    const isReplicated = contestant.servers.kind === 'replicated';
    const victim = await firstMaster(servers);
    const victimCell = { ...cell, victim: victim.location };
    await measure(victimCell);
    await sleep(BEFORE_KILL_MS);

    const killedAt = now();
    await victim.kill();
    const exitedAt = now();
    const others = servers.filter((server) => server !== victim);
    const promotedAt = isReplicated ? await promotionTime(others, exitedAt + AWAY_MS) : undefined;
    await sleep(exitedAt + AWAY_MS - now());

    const restartedAt = now();
    await victim.start();
    const times = { killedAt, exitedAt, restartedAt };
    let linkedAt: number | undefined;
    while (now() < restartedAt + MAX_RECOVERY_MS) {
      if (isReplicated && linkedAt === undefined) {
        if (isLinked(await ask(victim.location, ['INFO', 'replication']))) linkedAt = now();
      } else {
        const { healthyMs = 0 } = await measure({ ...victimCell, ...times, phase: 'poll' });
        if (healthyMs >= HEALTHY_MS) break;
      }
      await sleep(POLL_MS);
    }

    const { readmittedMs: observedMs, ...values } = await measure({ ...victimCell, ...times, phase: 'end' });
    const readmittedMs = isReplicated ? linkedAt && linkedAt - restartedAt : observedMs;
    return {
      ...values,
      ...(readmittedMs !== undefined && { readmittedMs }),
      ...(promotedAt !== undefined && { promotedMs: promotedAt - killedAt }),
    };
  },
  async measure({ subject, workload }, { phase, victim, ...times }) {
    if (phase === 'start') {
      watch = new FailureWatch(subject, workload(SMALL_BYTES), KEY_COUNT, victim);
      await watch.start(CALLER_COUNT);
      return {};
    }
    if (watch === undefined) throw new Error(`phase "${phase}" came before phase "start"`);
    return phase === 'poll' ? { healthyMs: watch.healthyMs(times) } : watch.end(times, FAST_MS);
  },
};

/** Kept in the contestant's process from one phase to the next. */
let watch: FailureWatch | undefined;

/**
 * Waits until the surviving servers have promoted a replica. @returns the time of the promotion, or undefined
 * if the deadline passes first
 */
async function promotionTime(
  survivors: readonly RedisServer[],
  deadline: number,
): Promise<number | undefined> {
  while (now() < deadline) {
    const infos = await Promise.all(survivors.map(({ location }) => ask(location, ['CLUSTER', 'INFO'])));
    const roles = await Promise.all(survivors.map(({ location }) => ask(location, ['INFO', 'replication'])));
    const masterCount = roles.filter((info) => info.includes('role:master')).length;
    const replicaCount = survivors.length - masterCount;
    // The state alone is not enough, because it stays "ok" until the cluster notices that the master is down.
    const isOk = infos.every((info) => info.includes('cluster_state:ok'));
    if (isOk && masterCount === replicaCount + 1) return now();
    await sleep(POLL_MS);
  }
  return undefined;
}

/** After an earlier failover, the first server of the cluster may be a replica. */
async function firstMaster(servers: readonly RedisServer[]): Promise<RedisServer> {
  for (const server of servers) {
    if ((await ask(server.location, ['INFO', 'replication'])).includes('role:master')) return server;
  }
  throw new Error('none of the servers is a master');
}
