import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RedisServer, startRedis } from 'redis-launcher';
import {
  type TemporaryFolder,
  temporaryFolder,
} from '../../packages/keyv-dredis/test/support/temporary-folder.js';
import { now } from '../shared/clock.js';
import { FaultyProxy } from './faulty-proxy.js';
import {
  type Entry,
  type Log,
  type Mode,
  NETWORK_FAULTS,
  type RestartPolicy,
  type RunEntry,
  SERVER_FAULTS,
} from './history.js';
import { injectFaults, networkTarget, serverTarget } from './nemesis.js';
import { Random } from './random.js';
import { WorkerProcess } from './worker-process.js';

export interface RunOptions {
  readonly durationMs: number;
  /** Undefined means the store's own default. */
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
 * Runs the workers while faults are injected.
 *
 * @param signal ends the run early; the promise then rejects
 * @returns the history's entries, once all processes have ended and all files are deleted
 */
export async function run(options: RunOptions, signal: AbortSignal): Promise<Entry[]> {
  await using redis = await startRedis({ count: NODE_COUNT });
  const nodes = redis.servers.map((server, index) => ({ name: `node-${index + 1}`, server }));
  await using workers = new Workers(options, nodes, await temporaryFolder('dredis-checker-'));
  await workers.start();
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
  await runNemesis(options, nodes, workers, (entry) => entries.push(entry), signal);
  for (const exit of await Promise.all(workers.processes.map((worker) => worker.finish())))
    entries.push(exit);
  signal.throwIfAborted();
  for (const worker of workers.processes) entries.push(...worker.entries());
  return entries;
}

interface NamedServer {
  readonly name: string;
  readonly server: RedisServer;
}

/** Injects faults into the servers and, independently, into the network of each process. */
async function runNemesis(
  { seed, durationMs }: RunOptions,
  nodes: readonly NamedServer[],
  { proxies }: Workers,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const stop = () => over.abort();
  signal.addEventListener('abort', stop);
  const servers = nodes.map(({ name, server }) => serverTarget(name, server));
  const injectors = [injectFaults(SERVER_FAULTS, servers, new Random(`${seed} servers`), log, over.signal)];
  for (const [process, proxiesOfProcess] of proxies) {
    const network = nodes.map(({ name }, index) =>
      networkTarget(process, name, proxiesOfProcess[index] as FaultyProxy),
    );
    injectors.push(injectFaults(NETWORK_FAULTS, network, new Random(`${seed} ${process}`), log, over.signal));
  }
  try {
    // If an injector fails, the run ends at once.
    await Promise.race([
      Promise.all(injectors),
      sleep(durationMs, undefined, { signal: over.signal }).catch(() => undefined),
    ]);
  } finally {
    stop();
    signal.removeEventListener('abort', stop);
  }
  await Promise.all(injectors);
}

/** The worker processes. Each process has its own proxy for each server. */
class Workers implements AsyncDisposable {
  /** Each process's proxies by process name, in the order of the nodes. */
  readonly proxies = new Map<string, FaultyProxy[]>();
  readonly processes: WorkerProcess[] = [];
  readonly #options: RunOptions;
  readonly #nodes: readonly NamedServer[];
  readonly #folder: TemporaryFolder;

  constructor(options: RunOptions, nodes: readonly NamedServer[], folder: TemporaryFolder) {
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
    this.processes.push(worker);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.processes.map((worker) => worker[Symbol.asyncDispose]()));
    await Promise.all([...this.proxies.values()].flat().map((proxy) => proxy[Symbol.asyncDispose]()));
    await this.#folder.remove();
  }
}
