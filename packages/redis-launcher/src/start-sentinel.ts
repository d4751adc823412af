import { randomInt } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from './ask.js';
import type { Env } from './command-line.js';
import { findServer } from './find-server.js';
import { HOST } from './server-command.js';
import { isLinked } from './start-cluster.js';
import { type RedisServers, startRedis } from './start-redis.js';
import { Supervisor } from './supervisor.js';
import { untilAll } from './until-all.js';

/** Below the ephemeral port range, as in start-redis.ts. */
const PORTS = { first: 10_000, end: 32_768 };
const START_TIMEOUT_MS = 5_000;
const POLL_MS = 20;
/** A loaded machine may freeze for a second, and that must not cause a failover. */
const DOWN_AFTER_MS = 2000;
/** The sentinel writes its state to this file, so it must be a file of its own. */
const CONFIG = 'sentinel.conf';

export interface SentinelOptions {
  /** Name of the group that the sentinel monitors. */
  readonly name: string;
  /** `host:port` of the group's primary. */
  readonly primary: string;
  /** Number of sentinels that have to agree that the primary is down. @default 1 */
  readonly quorum?: number;
  /** Environment with PATH. @default process.env */
  readonly env?: Env;
}

export interface Sentinel extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** `host:port` */
  readonly location: string;
  /** Stops the sentinel. Resolves once the process has exited and its folder is deleted. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts one Redis Sentinel on loopback and resolves once it replies. The sentinel ends on `stop()`, or soon
 * after this process ends. It considers the primary down after two seconds without a reply.
 *
 * @throws Error if there is no redis-server on PATH, or if the sentinel does not reply
 */
export async function startSentinel({
  name,
  primary,
  quorum = 1,
  env = process.env,
}: SentinelOptions): Promise<Sentinel> {
  const program = await findServer(env);
  if (program.type !== 'run') throw new Error('a sentinel needs redis-server or valkey-server on PATH');
  const supervisor = await Supervisor.start(env);
  const stop = () => supervisor.end();
  const port = randomInt(PORTS.first, PORTS.end);
  const location = `${HOST}:${port}`;
  try {
    const folder = join(supervisor.folder, '0');
    mkdirSync(folder);
    writeFileSync(join(folder, CONFIG), configuration({ port, name, primary, quorum }));
    await supervisor.ask({
      type: 'start',
      server: 0,
      run: [program.command, CONFIG, '--sentinel'],
      container: undefined,
      silent: true,
      timeoutMs: START_TIMEOUT_MS,
    });
    await waitForReply(location);
    return { host: HOST, port, location, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

export interface SentinelGroupOptions {
  /** Name of the group. */
  readonly name: string;
  /** @default 2 */
  readonly replicaCount?: number;
  /** A majority of the sentinels has to agree on a failover. @default 3 */
  readonly sentinelCount?: number;
  /** Environment with PATH. @default process.env */
  readonly env?: Env;
}

/** A primary, its replicas and the sentinels that monitor them. */
export interface SentinelGroup extends RedisServers {
  readonly sentinels: readonly Sentinel[];
}

/**
 * Starts a primary, replicas and sentinels on loopback. Resolves once the replicas are in sync, and once every
 * sentinel knows all servers and all other sentinels. In the result, the primary comes first.
 *
 * @throws Error under the same conditions as {@link startSentinel}
 */
export async function startSentinelGroup(options: SentinelGroupOptions): Promise<SentinelGroup> {
  const { name, replicaCount = 2, sentinelCount = 3, env = process.env } = options;
  // By default, a primary waits 5 s for more replicas before it sends its data.
  const args = ['--repl-diskless-sync-delay', '0'];
  const redis = await startRedis({ count: 1 + replicaCount, args, env });
  const sentinels: Sentinel[] = [];
  const stop = async () => {
    await Promise.all([redis, ...sentinels].map((started) => started.stop()));
  };
  try {
    const { servers, locations } = redis;
    const [primary = '', ...replicas] = locations;
    const [host = '', port = ''] = primary.split(':');
    for (const replica of replicas) await ask(replica, ['REPLICAOF', host, port]);
    await untilAll('sentinel group', replicas, ['INFO', 'replication'], isLinked);
    const quorum = Math.floor(sentinelCount / 2) + 1;
    while (sentinels.length < sentinelCount) {
      sentinels.push(await startSentinel({ name, primary, quorum, env }));
    }
    await untilAll(
      'sentinel group',
      sentinels.map(({ location }) => location),
      ['INFO', 'sentinel'],
      (info) => info.includes(`address=${primary},slaves=${replicaCount},sentinels=${sentinelCount}`),
    );
    return { servers, locations, sentinels, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Configuration {
  readonly port: number;
  readonly name: string;
  readonly primary: string;
  readonly quorum: number;
}

function configuration({ port, name, primary, quorum }: Configuration): string {
  return [
    `port ${port}`,
    `bind ${HOST}`,
    `sentinel monitor ${name} ${primary.replace(':', ' ')} ${quorum}`,
    `sentinel down-after-milliseconds ${name} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${name} 5000`,
    '',
  ].join('\n');
}

async function waitForReply(location: string): Promise<void> {
  const endsAt = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      await ask(location, ['PING']);
      return;
    } catch (cause) {
      if (Date.now() > endsAt) throw new Error('the sentinel does not reply', { cause });
      await sleep(POLL_MS);
    }
  }
}
