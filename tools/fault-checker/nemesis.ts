import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, type RedisServer } from 'redis-launcher';
import { TOPOLOGY_KEY } from '../../packages/keyv-dredis/src/format/reserved-keys.js';
import { now } from '../shared/clock.js';
import type { FaultyProxy, NetworkCondition } from './faulty-proxy.js';
import type { FaultEntry, FaultKind, Log, NETWORK_FAULTS, PAUSE, ServerFault } from './history.js';
import type { Random } from './random.js';
import type { WorkerProcess } from './worker-process.js';

/** The file in a server's folder that the server loads when it starts. */
const SNAPSHOT = 'dump.rdb';

export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Some faults end before a call's deadline, some long after it, and some take much longer than a failover. */
const SHORT_FAULT_MS: Range = { from: 30, to: 250 };
const LONG_FAULT_MS: Range = { from: 400, to: 2_000 };
const OUTAGE_MS: Range = { from: 2_000, to: 6_000 };
const SHORT_FAULT_SHARE = 0.3;
const OUTAGE_SHARE = 0.3;
/** Delays in each direction, shorter and longer than a call's deadline. */
const DELAYS_MS = [20, 100, 100, 400];
/** The snapshot's age when a rollback kills the server. Writes after the snapshot are lost. */
const SNAPSHOT_AGE_MS: Range = { from: 300, to: 1_200 };
/** Longer than a time lease, and long enough for several changes of the topology. */
const STANDSTILL_MS: Range = { from: 1_000, to: 4_000 };

/** Shares of the faults of a process's network that concern one node, and two nodes. The others concern all nodes. */
const ONE_NODE_SHARE = 0.6;
const TWO_NODES_SHARE = 0.25;

/** Every this many server faults, two servers have faults at the same time. */
const PAIR_INTERVAL = 5;
/** With two of four servers, there is no majority, so pairs of faults are brief. */
const PAIR_MS: Range = { from: 100, to: 1_500 };
/**
 * Pause before a pair of faults, in which all nodes come back. While one of four nodes is away, two others are a
 * majority, and no protocol bears the loss of what a majority has decided.
 */
const PAUSE_BEFORE_PAIR_MS: Range = { from: 4_000, to: 5_000 };

/** Injects a fault. Resolves when the fault is over. */
type InjectFault = (context: FaultContext) => Promise<Partial<FaultEntry> | undefined>;

interface FaultContext {
  readonly random: Random;
  readonly pause: (range: Range) => Promise<void>;
  readonly durationMs: Range;
}

/** A server, the network of a process, or a process. */
export interface Target<Kind> {
  readonly node?: string;
  readonly process?: string;
  readonly faults: Readonly<Record<Kind & string, InjectFault>>;
}

/** A sequence of faults. */
export interface Plan<Kind> {
  readonly kinds: readonly Kind[];
  readonly targets: readonly Target<Kind>[];
  /** Pause between two faults. */
  readonly pauseMs: Range;
  /** Whether every now and then two targets have faults at the same time. */
  readonly hasPairs?: boolean;
}

/**
 * The nemesis: injects one fault after another into random targets. Every kind of fault occurs once, in
 * random order, before any kind is repeated.
 *
 * @param signal ends the nemesis; the promise then resolves when the current fault is over
 */
export async function injectFaults<Kind extends FaultKind>(
  { kinds, targets, pauseMs, hasPairs = false }: Plan<Kind>,
  random: Random,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const pause = async ({ from, to }: Range) => {
    await sleep(random.integer(from, to), undefined, { signal }).catch(() => undefined);
  };
  const inject = async (kind: Kind, { node, process, faults }: Target<Kind>, durationMs: Range) => {
    const from = now();
    const more = await faults[kind]({ random, pause, durationMs });
    const nodes = node === undefined ? [] : [node];
    const ofProcess = process === undefined ? {} : { process };
    log({ type: 'fault', kind, nodes, ...ofProcess, from, to: now(), ...more });
  };
  let deck: Kind[] = [];
  const nextKind = () => {
    if (deck.length === 0) deck = random.shuffled(kinds);
    return deck.pop() as Kind;
  };
  for (let number = 1; !signal.aborted; number += 1) {
    const isPair = hasPairs && number % PAIR_INTERVAL === 0;
    await pause(isPair ? PAUSE_BEFORE_PAIR_MS : pauseMs);
    if (signal.aborted) return;
    if (isPair) {
      const pair = random.shuffled(targets).slice(0, 2);
      await Promise.all(pair.map((target) => inject(nextKind(), target, PAIR_MS)));
    } else {
      await inject(nextKind(), random.pick(targets), faultDuration(random));
    }
  }
}

export const serverTarget = (node: string, server: RedisServer): Target<ServerFault> => ({
  node,
  faults: {
    /** SIGSTOP, then SIGCONT. */
    freeze: async ({ pause, durationMs }) => {
      await server.pause();
      await pause(durationMs);
      await server.resume();
      return undefined;
    },
    /** SIGKILL, then a start without data. */
    kill: async ({ pause, durationMs }) => {
      await server.kill();
      await pause(durationMs);
      await server.start();
      return undefined;
    },
    /** A clean shutdown, then a start with all data. */
    restart: async ({ pause, durationMs }) => {
      await shutDown(server);
      await pause(durationMs);
      await server.start();
      deleteSnapshot(server);
      return undefined;
    },
    /** SIGKILL, then a start from an older snapshot. */
    rollback: async ({ pause, durationMs }) => {
      await ask(server.location, ['SAVE']);
      assertSnapshot(server);
      await pause(SNAPSHOT_AGE_MS);
      const from = now();
      await server.kill();
      await pause(durationMs);
      await server.start();
      deleteSnapshot(server);
      return { from };
    },
    /** The topology record is deleted. */
    forget: async () => {
      await ask(server.location, ['DEL', TOPOLOGY_KEY]);
      return undefined;
    },
    flush: async () => {
      await ask(server.location, ['FLUSHALL']);
      return undefined;
    },
  },
});

/** The network of a process. @param proxies the process's proxies by node name */
export const networkTarget = (
  process: string,
  proxies: ReadonlyMap<string, FaultyProxy>,
): Target<(typeof NETWORK_FAULTS)[number]> => {
  const during =
    (conditionOf: (random: Random) => NetworkCondition): InjectFault =>
    async ({ random, pause, durationMs }) => {
      const nodes = someNodes([...proxies.keys()], random);
      const condition = conditionOf(random);
      const setAll = (each: NetworkCondition) => {
        for (const node of nodes) (proxies.get(node) as FaultyProxy).condition = each;
      };
      setAll(condition);
      await pause(durationMs);
      setAll({ type: 'normal' });
      return { nodes };
    };
  return {
    process,
    faults: {
      cut: during(() => ({ type: 'cut' })),
      blackhole: during(() => ({ type: 'blackhole' })),
      mute: during(() => ({ type: 'mute' })),
      deaf: during(() => ({ type: 'deaf' })),
      delay: during((random) => ({ type: 'delay', delayMs: random.pick(DELAYS_MS) })),
      truncate: during(() => ({ type: 'truncate' })),
      reset: async ({ random }) => {
        const nodes = someNodes([...proxies.keys()], random);
        for (const node of nodes) proxies.get(node)?.reset();
        return { nodes };
      },
    },
  };
};

/** One node, two nodes, or all nodes. */
function someNodes(nodes: readonly string[], random: Random): readonly string[] {
  const choice = random.next();
  if (choice < ONE_NODE_SHARE) return [random.pick(nodes)];
  const shuffled = random.shuffled(nodes);
  return choice < ONE_NODE_SHARE + TWO_NODES_SHARE ? shuffled.slice(0, 2) : shuffled;
}

/** A worker process. */
export const processTarget = (process: string, worker: WorkerProcess): Target<typeof PAUSE> => ({
  process,
  faults: {
    /** SIGSTOP, then SIGCONT. */
    pause: async ({ pause }) => {
      worker.signal('SIGSTOP');
      await pause(STANDSTILL_MS);
      worker.signal('SIGCONT');
      return undefined;
    },
  },
});

function faultDuration(random: Random): Range {
  const choice = random.next();
  if (choice < SHORT_FAULT_SHARE) return SHORT_FAULT_MS;
  return choice < SHORT_FAULT_SHARE + OUTAGE_SHARE ? OUTAGE_MS : LONG_FAULT_MS;
}

/** Saves a snapshot and ends the server. */
async function shutDown(server: RedisServer): Promise<void> {
  const refusal = await ask(server.location, ['SHUTDOWN', 'SAVE']).catch(() => undefined);
  if (refusal !== undefined) throw new Error(`${server.location} refused to shut down: ${refusal}`);
  await server.kill();
  assertSnapshot(server);
}

function assertSnapshot(server: RedisServer): void {
  if (existsSync(join(server.folder, SNAPSHOT))) return;
  throw new Error(
    `${server.location} saved no snapshot in ${server.folder}; the fault checker needs redis-server on PATH, not Docker`,
  );
}

function deleteSnapshot(server: RedisServer): void {
  rmSync(join(server.folder, SNAPSHOT), { force: true });
}
