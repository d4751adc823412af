import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RedisServer, startRedis } from 'redis-launcher';
import {
  type TemporaryFolder,
  temporaryFolder,
} from '../../packages/keyv-dredis/test/support/temporary-folder.js';
import { now } from '../shared/clock.js';
import { changeTopology, finishChanges } from './changes.js';
import { FaultyProxy } from './faulty-proxy.js';
import {
  type Entry,
  type Log,
  NETWORK_FAULTS,
  PAUSE,
  type RestartPolicy,
  type RunEntry,
  serverFaultsOf,
} from './history.js';
import { type Mode, settingsOf } from './modes.js';
import type { Part } from './negative-controls.js';
import { injectFaults, networkTarget, processTarget, type Range, serverTarget } from './nemesis.js';
import type { OperatorSetup } from './operator.js';
import { OperatorProcess } from './operator-process.js';
import { Random } from './random.js';
import { WorkerProcess } from './worker-process.js';

export interface RunOptions {
  readonly durationMs: number;
  readonly mode: Mode;
  /** Undefined means the store's own default. */
  readonly restartPolicy: RestartPolicy | undefined;
  readonly leftOut: Part | undefined;
  readonly seed: string;
  readonly processCount: number;
  readonly clientCount: number;
}

/** The store's own default for servers without an append-only file, such as those of the checker. */
const DEFAULT_RESTART_POLICY = 'purge';
const OPERATORS = ['o1', 'o2'];
/** Most changes of this operator fail, because its connections have faults. */
const FAULTY_OPERATOR = 'o2';
const OPERATOR_TIMEOUT_MS = 1_000;
const CONNECT_TIMEOUT_MS = 300;
/** The store allows that clocks differ by a tenth: the quotient of any two rates is less than 1.1. */
const CLOCK_RATES = [0.95, 1, 1.05];
/** Usually long enough for a node to come back, so that one fault after another leaves a majority of the servers. */
const SERVER_PAUSE_MS: Range = { from: 800, to: 2_500 };
const NETWORK_PAUSE_MS: Range = { from: 200, to: 2_000 };
const STANDSTILL_PAUSE_MS: Range = { from: 500, to: 3_000 };

/**
 * Runs the workers while faults are injected.
 *
 * @param signal ends the run early; the promise then rejects
 * @returns the history's entries, once all processes have ended and all files are deleted
 */
export async function run(options: RunOptions, signal: AbortSignal): Promise<Entry[]> {
  const { mode, seed, restartPolicy = DEFAULT_RESTART_POLICY } = options;
  const { serverCount, commandTimeoutMs } = settingsOf(mode);
  await using redis = await startRedis({ count: serverCount });
  const nodes = redis.servers.map((server, index) => ({ name: `node-${index + 1}`, server }));
  await using workers = new Workers(options, nodes, await temporaryFolder('dredis-checker-'));
  await workers.start();
  const operators = await startOperators(options, nodes, workers);
  const run: RunEntry = {
    type: 'run',
    seed,
    mode,
    restartPolicy,
    commandTimeoutMs,
    nodes: nodes.map(({ name }) => name),
    clockRates: Object.fromEntries(workers.clockRates),
    startedAt: now(),
  };
  const entries: Entry[] = [run];
  const log: Log = (entry) => entries.push(entry);
  await runNemesis(options, nodes, { workers, operators }, log, signal);
  await Promise.all(workers.processes.map((worker) => worker.stop()));
  for (const exit of await Promise.all(workers.processes.map((worker) => worker.finish())))
    entries.push(exit);
  signal.throwIfAborted();
  return [...entries, ...workers.processes.flatMap((worker) => worker.entries())];
}

interface NamedServer {
  readonly name: string;
  readonly server: RedisServer;
}

/** Injects faults into the servers and, independently, into the network of each process. */
async function runNemesis(
  options: RunOptions,
  nodes: readonly NamedServer[],
  { workers, operators }: { readonly workers: Workers; readonly operators: Operators },
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const { durationMs, mode } = options;
  const { hasOperators, calmShare } = settingsOf(mode);
  const over = new AbortController();
  const stop = () => over.abort();
  signal.addEventListener('abort', stop);
  const injectors = [
    startPauses(options, workers, log, over.signal),
    ...startChanges(options, { workers, operators }, log, over.signal),
  ];
  const runFor = async (ms: number) => {
    // If an injector fails, the run ends at once.
    await Promise.race([
      Promise.all([...injectors, new Promise<never>(() => undefined)]),
      sleep(ms, undefined, { signal: over.signal }).catch(() => undefined),
    ]);
  };
  try {
    const calmMs = durationMs * calmShare;
    await runFor(calmMs);
    if (!signal.aborted) injectors.push(...startFaults(options, nodes, workers, log, over.signal));
    await runFor(durationMs - calmMs);
  } finally {
    stop();
    signal.removeEventListener('abort', stop);
  }
  await Promise.all(injectors);
  if (hasOperators && !signal.aborted) await finishChanges(operatorSetup(options, nodes), log);
}

/** Faults of servers and connections. */
function startFaults(
  options: RunOptions,
  nodes: readonly NamedServer[],
  workers: Workers,
  log: Log,
  over: AbortSignal,
): Promise<void>[] {
  const { seed, mode, restartPolicy = DEFAULT_RESTART_POLICY } = options;
  const { hasPairs } = settingsOf(mode);
  const targets = nodes.map(({ name, server }) => serverTarget(name, server));
  const kinds = serverFaultsOf({ mode, restartPolicy });
  const faultsOf = (some: typeof targets, name: string) => {
    const plan = { kinds, targets: some, pauseMs: SERVER_PAUSE_MS, hasPairs };
    return injectFaults(plan, new Random(`${seed} ${name}`), log, over);
  };
  const half = targets.length / 2;
  return [
    ...(hasPairs
      ? [faultsOf(targets, 'servers')]
      : // Two servers at once, so that none has two faults.
        [faultsOf(targets.slice(0, half), 'servers'), faultsOf(targets.slice(half), 'other servers')]),
    ...workers.processes.map(({ name }) => startNetworkFaults(name, seed, workers, log, over)),
  ];
}

/** Faults of the connections of one process. */
function startNetworkFaults(
  process: string,
  seed: string,
  { proxies }: Workers,
  log: Log,
  over: AbortSignal,
): Promise<void> {
  const targets = [networkTarget(process, proxies.get(process) as ReadonlyMap<string, FaultyProxy>)];
  const plan = { kinds: NETWORK_FAULTS, targets, pauseMs: NETWORK_PAUSE_MS };
  return injectFaults(plan, new Random(`${seed} ${process} network`), log, over);
}

/** Worker processes that stand still. */
function startPauses(
  { seed }: RunOptions,
  { processes }: Workers,
  log: Log,
  over: AbortSignal,
): Promise<void> {
  const targets = processes.map((worker) => processTarget(worker.name, worker));
  const plan = { kinds: [PAUSE] as const, targets, pauseMs: STANDSTILL_PAUSE_MS };
  return injectFaults(plan, new Random(`${seed} pauses`), log, over);
}

/** Changes of the topology. One operator has faults of its connections, too, which must not lose an entry. */
function startChanges(
  { seed }: RunOptions,
  { workers, operators }: { readonly workers: Workers; readonly operators: Operators },
  log: Log,
  over: AbortSignal,
): Promise<void>[] {
  return Array.from(operators, ([name, process]) => {
    const change = changeTopology(name, process, new Random(`${seed} ${name}`), log, over);
    return name === FAULTY_OPERATOR ? [change, startNetworkFaults(name, seed, workers, log, over)] : [change];
  }).flat();
}

/** The operator processes by name. Each is disposed of when its changes are over. */
type Operators = ReadonlyMap<string, OperatorProcess>;

/** Starts the operators before the run, because that takes a second or more. */
async function startOperators(
  options: RunOptions,
  nodes: readonly NamedServer[],
  { proxies }: Workers,
): Promise<Operators> {
  if (!settingsOf(options.mode).hasOperators) return new Map();
  const operators = new Map(
    OPERATORS.map((name) => [name, new OperatorProcess(operatorSetup(options, nodes, proxies.get(name)))]),
  );
  await Promise.all(Array.from(operators.values(), (operator) => operator.ready()));
  return operators;
}

function operatorSetup(
  { mode, restartPolicy = DEFAULT_RESTART_POLICY }: RunOptions,
  nodes: readonly NamedServer[],
  proxies?: ReadonlyMap<string, FaultyProxy>,
): OperatorSetup {
  return {
    locations: nodes.map(({ name, server }) => ({
      name,
      host: server.host,
      port: proxies?.get(name)?.port ?? server.port,
    })),
    commandTimeoutMs: OPERATOR_TIMEOUT_MS,
    leaseMs: settingsOf(mode).leaseMs,
    restartPolicy,
  };
}

/** The worker processes. Each process, also each operator, has its own proxy for each server. */
class Workers implements AsyncDisposable {
  /** Each process's proxies by process name and node name. */
  readonly proxies = new Map<string, Map<string, FaultyProxy>>();
  /** How fast each process's clock runs, by process name. */
  readonly clockRates: ReadonlyMap<string, number>;
  readonly processes: WorkerProcess[] = [];
  readonly #options: RunOptions;
  readonly #nodes: readonly NamedServer[];
  readonly #folder: TemporaryFolder;

  constructor(options: RunOptions, nodes: readonly NamedServer[], folder: TemporaryFolder) {
    this.#options = options;
    this.#nodes = nodes;
    this.#folder = folder;
    const rates = new Random(`${options.seed} clocks`).shuffled(CLOCK_RATES);
    this.clockRates = new Map(
      Array.from({ length: options.processCount }, (_, number) => [
        `p${number + 1}`,
        rates[number % rates.length] as number,
      ]),
    );
  }

  async start(): Promise<void> {
    const names = [...this.clockRates.keys()];
    const operators = settingsOf(this.#options.mode).hasOperators ? OPERATORS : [];
    for (const process of [...names, ...operators]) {
      const proxies = new Map<string, FaultyProxy>();
      this.proxies.set(process, proxies);
      for (const { name, server } of this.#nodes) proxies.set(name, await FaultyProxy.start(server));
    }
    const started = await Promise.allSettled(names.map((name) => this.#startWorker(name)));
    for (const outcome of started) if (outcome.status === 'rejected') throw outcome.reason;
  }

  async #startWorker(name: string): Promise<void> {
    const { seed, clientCount, mode, restartPolicy, leftOut } = this.#options;
    const { nodeDownPolicy, commandTimeoutMs, leaseMs } = settingsOf(mode);
    const proxies = this.proxies.get(name) as ReadonlyMap<string, FaultyProxy>;
    const worker = await WorkerProcess.start({
      name,
      seed,
      clientCount,
      clockRate: this.clockRates.get(name) as number,
      leftOut,
      locations: Array.from(proxies, ([node, { port }]) => ({ name: node, host: '127.0.0.1', port })),
      options: {
        namespace: 'checker',
        commandTimeoutMs,
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        nodeDownPolicy,
        ...(leaseMs === undefined ? {} : { leaseMs }),
        ...(restartPolicy === undefined ? {} : { restartPolicy }),
      },
      file: join(this.#folder.path, `${name}.jsonl`),
    });
    this.processes.push(worker);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.processes.map((worker) => worker[Symbol.asyncDispose]()));
    const proxies = Array.from(this.proxies.values(), (each) => [...each.values()]).flat();
    await Promise.all(proxies.map((proxy) => proxy[Symbol.asyncDispose]()));
    await this.#folder.remove();
  }
}
