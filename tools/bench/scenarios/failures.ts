import { setTimeout as sleep } from 'node:timers/promises';
import { ask, isLinked, type RedisServer } from 'redis-launcher';
import { now } from '../harness/clock.js';
import type { Cell, Metric, Scenario } from '../harness/scenario.js';
import { SMALL_BYTES } from './caller-cells.js';
import { FailureWatch, type Times } from './failure-watch.js';

const CALLERS = 64;
const KEYS = 1_000;
const BEFORE_MS = 1_000;
const AWAY_MS = 5_000;
/** Without a failure or a miss for so long, all is well again. */
const WELL_MS = 1_000;
/** After the restart, whatever is not well by then. */
const MOST_MS = 30_000;
const POLL_MS = 25;
const FAST_MS = 10;

interface FailureCell extends Cell, Times {
  /** `host:port` of the server that is killed. */
  readonly victim: string;
  readonly phase: 'start' | 'look' | 'end';
}

const NOTHING_YET: Times = { killedAt: 0, goneAt: 0, restartedAt: 0 };

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
    `${CALLERS} callers read and write (90/10) ${KEYS} keys, each some 10 ms after its last call, and write what they ` +
    'miss, as users of a cache do. One server, the master of a share of the keys, is killed (SIGKILL) and started ' +
    `again, empty, ${AWAY_MS / 1000} s later; the round ends when all has been well for ${WELL_MS / 1000} s, or ` +
    `${MOST_MS / 1000} s after the restart. Times from the kill are those of calls for keys of that share: the first ` +
    'one that is answered at once again, be it with a failure, and the first write that is kept. A server is ' +
    'readmitted with `node:up`; a single one with its first answer; one of a cluster when it is a replica that has ' +
    'all of its master. The cluster takes a server for gone after 2 s (cluster-node-timeout).',
  metrics: [
    milliseconds('fastMs', `kill to answers within ${FAST_MS} ms`),
    milliseconds('servedMs', 'kill to a write that is kept'),
    milliseconds('promotedMs', 'kill to a new master in the cluster'),
    milliseconds('returnMs', 'restart to readmission'),
    count('failed', 'reads that failed'),
    count('refused', 'writes that failed or were dropped'),
    count('misses', 'misses'),
    count('older', 'values older than an acknowledged write'),
    count('unanswered', 'calls unanswered at the end'),
    milliseconds('longestMs', 'longest call'),
  ],
  contestants: [
    ...['dredis-error', 'dredis-miss', 'dredis-failover'],
    ...['keyv-redis-defaults', 'keyv-redis-replicated'],
  ],
  cells: () => [
    {
      table: 'One server is killed, and started again after 5 s',
      column: `${CALLERS} callers`,
      victim: '',
      phase: 'start',
      ...NOTHING_YET,
    },
  ],
  rowPerMetric: true,
  // Else the idle contestants would see the same servers come and go.
  freshProcess: true,
  async round({ cell, contestant, servers, measure }) {
    const victim = await firstMaster(servers);
    const named = { ...cell, victim: victim.location };
    await measure(named);
    await sleep(BEFORE_MS);
    const killedAt = now();
    await victim.kill();
    const goneAt = now();
    const isReplica = contestant.servers.kind === 'replicated';
    const others = servers.filter((server) => server !== victim);
    const promotedAt = isReplica ? await promoted(others, goneAt + AWAY_MS) : undefined;
    await sleep(goneAt + AWAY_MS - now());
    const restartedAt = now();
    await victim.start();
    const times = { killedAt, goneAt, restartedAt };
    let linkedAt: number | undefined;
    while (now() < restartedAt + MOST_MS) {
      if (isReplica && linkedAt === undefined) {
        if (isLinked(await ask(victim.location, ['INFO', 'replication']))) linkedAt = now();
      } else {
        const { wellMs = 0 } = await measure({ ...named, ...times, phase: 'look' });
        if (wellMs >= WELL_MS) break;
      }
      await sleep(POLL_MS);
    }
    const { returnMs, ...numbers } = await measure({ ...named, ...times, phase: 'end' });
    const sinceRestart = isReplica ? linkedAt && linkedAt - restartedAt : returnMs;
    return {
      ...numbers,
      ...(sinceRestart !== undefined && { returnMs: sinceRestart }),
      ...(promotedAt !== undefined && { promotedMs: promotedAt - killedAt }),
    };
  },
  async measure({ subject, workload }, { phase, victim, ...times }) {
    if (phase === 'start') {
      watch = new FailureWatch(subject, workload(SMALL_BYTES), KEYS, victim);
      await watch.start(CALLERS);
      return {};
    }
    if (watch === undefined) throw new Error('nobody has started');
    return phase === 'look' ? { wellMs: watch.wellMs(times) } : watch.end(times, FAST_MS);
  },
};

/** Of the contestant's process, from one phase to the next. */
let watch: FailureWatch | undefined;

/** When a cluster that has lost a master has another in its place. */
async function promoted(others: readonly RedisServer[], endsAt: number): Promise<number | undefined> {
  while (now() < endsAt) {
    const infos = await Promise.all(others.map(({ location }) => ask(location, ['CLUSTER', 'INFO'])));
    const roles = await Promise.all(others.map(({ location }) => ask(location, ['INFO', 'replication'])));
    const masterCount = roles.filter((info) => info.includes('role:master')).length;
    // Before it has noticed that one is gone, it is as whole as afterwards.
    const isWhole = infos.every((info) => info.includes('cluster_state:ok'));
    if (isWhole && masterCount === others.length - masterCount + 1) return now();
    await sleep(POLL_MS);
  }
  return undefined;
}

/** Of a cluster that has failed over before, this may be another one than the first. */
async function firstMaster(servers: readonly RedisServer[]): Promise<RedisServer> {
  for (const server of servers) {
    if ((await ask(server.location, ['INFO', 'replication'])).includes('role:master')) return server;
  }
  throw new Error('there is no master');
}
