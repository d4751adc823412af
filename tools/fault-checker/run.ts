import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RedisServer, startRedis } from 'redis-launcher';
import { temporaryFolder } from '../../packages/keyv-dredis/test/support/temporary-folder.js';
import { now } from '../shared/clock.js';
import { FaultyProxy } from './faulty-proxy.js';
import {
  type Entry,
  FAULTS_OF_NETWORK,
  FAULTS_OF_SERVERS,
  type Log,
  type Mode,
  type RestartPolicy,
  type RunEntry,
} from './history.js';
import { networkTarget, serverTarget, torment } from './nemesis.js';
import { Random } from './random.js';
import { WorkerProcess } from './worker-process.js';

export interface RunOptions {
  readonly ms: number;
  /** Undefined is the store's own default. */
  readonly mode: Mode | undefined;
  readonly restartPolicy: RestartPolicy | undefined;
  readonly hints: boolean;
  readonly seed: string;
  readonly processCount: number;
  readonly clientCount: number;
}

const NODE_COUNT = 4;
const COMMAND_TIMEOUT_MS = 300;
const CONNECT_TIMEOUT_MS = 300;

/**
 * Lets workers and nemesis loose on each other for a time.
 *
 * @param signal ends it before that
 * @returns the history; all processes have ended and all files are gone
 */
export async function run(options: RunOptions, signal: AbortSignal): Promise<Entry[]> {
  await using redis = await startRedis({ count: NODE_COUNT });
  const nodes = redis.servers.map((server, index) => ({ name: `node-${index + 1}`, server }));
  await using crew = new Crew(options, nodes, await temporaryFolder('dredis-checker-'));
  await crew.start();
  const run: RunEntry = {
    type: 'run',
    seed: options.seed,
    mode: options.mode ?? 'error',
    restartPolicy: options.restartPolicy ?? 'purge',
    commandTimeoutMs: COMMAND_TIMEOUT_MS,
    nodes: nodes.map(({ name }) => name),
    startedAt: now(),
  };
  const entries: Entry[] = [run];
  await unleash(options, nodes, crew, (entry) => entries.push(entry), signal);
  for (const exit of await Promise.all(crew.workers.map((worker) => worker.finish()))) entries.push(exit);
  signal.throwIfAborted();
  for (const worker of crew.workers) entries.push(...worker.entries());
  return entries;
}

interface NamedServer {
  readonly name: string;
  readonly server: RedisServer;
}

/** The nemesis: one for the servers, and one for the network of each process. */
async function unleash(
  { seed, ms }: RunOptions,
  nodes: readonly NamedServer[],
  { proxies }: Crew,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const stop = () => over.abort();
  signal.addEventListener('abort', stop);
  const servers = nodes.map(({ name, server }) => serverTarget(name, server));
  const torments = [torment(FAULTS_OF_SERVERS, servers, new Random(`${seed} servers`), log, over.signal)];
  for (const [process, ofProcess] of proxies) {
    const network = nodes.map(({ name }, index) =>
      networkTarget(process, name, ofProcess[index] as FaultyProxy),
    );
    torments.push(torment(FAULTS_OF_NETWORK, network, new Random(`${seed} ${process}`), log, over.signal));
  }
  try {
    // Whatever goes wrong with them ends the run at once.
    await Promise.race([
      Promise.all(torments),
      sleep(ms, undefined, { signal: over.signal }).catch(() => undefined),
    ]);
  } finally {
    stop();
    signal.removeEventListener('abort', stop);
  }
  await Promise.all(torments);
}

/** The workers, and the proxies that each of them has to each server. */
class Crew implements AsyncDisposable {
  readonly proxies = new Map<string, FaultyProxy[]>();
  readonly workers: WorkerProcess[] = [];
  readonly #options: RunOptions;
  readonly #nodes: readonly NamedServer[];
  readonly #folder: Awaited<ReturnType<typeof temporaryFolder>>;

  constructor(
    options: RunOptions,
    nodes: readonly NamedServer[],
    folder: Awaited<ReturnType<typeof temporaryFolder>>,
  ) {
    this.#options = options;
    this.#nodes = nodes;
    this.#folder = folder;
  }

  async start(): Promise<void> {
    const names = Array.from({ length: this.#options.processCount }, (_, number) => `p${number + 1}`);
    for (const name of names) {
      const proxies: FaultyProxy[] = [];
      this.proxies.set(name, proxies);
      for (const { server } of this.#nodes) proxies.push(await FaultyProxy.start(server));
    }
    const started = await Promise.allSettled(names.map((name) => this.#startWorker(name)));
    for (const outcome of started) if (outcome.status === 'rejected') throw outcome.reason;
  }

  async #startWorker(name: string): Promise<void> {
    const { seed, clientCount, mode, restartPolicy, hints } = this.#options;
    const proxies = this.proxies.get(name) as FaultyProxy[];
    const worker = await WorkerProcess.start({
      name,
      seed,
      clientCount,
      hints,
      locations: this.#nodes.map((node, index) => ({
        name: node.name,
        host: '127.0.0.1',
        port: (proxies[index] as FaultyProxy).port,
      })),
      options: {
        namespace: 'checker',
        commandTimeoutMs: COMMAND_TIMEOUT_MS,
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        ...(mode === undefined ? {} : { nodeDownPolicy: mode }),
        ...(restartPolicy === undefined ? {} : { restartPolicy }),
      },
      file: join(this.#folder.path, `${name}.jsonl`),
    });
    this.workers.push(worker);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker[Symbol.asyncDispose]()));
    await Promise.all([...this.proxies.values()].flat().map((proxy) => proxy[Symbol.asyncDispose]()));
    await this.#folder.remove();
  }
}
