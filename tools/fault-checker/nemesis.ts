import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, type RedisServer } from 'redis-launcher';
import { now } from '../shared/clock.js';
import type { FaultyProxy, NetworkCondition } from './faulty-proxy.js';
import type { FaultEntry, FaultKind, Log, NETWORK_FAULTS, SERVER_FAULTS } from './history.js';
import type { Random } from './random.js';

/** The file in a server's folder that the server loads when it starts. */
const SNAPSHOT = 'dump.rdb';

interface Range {
  readonly from: number;
  readonly to: number;
}

/** Pause between two faults: usually long enough for a client to reconnect. */
const PAUSE_MS: Range = { from: 200, to: 1_200 };
/** Some faults end before a call's deadline, others long after it. */
const SHORT_FAULT_MS: Range = { from: 30, to: 250 };
const LONG_FAULT_MS: Range = { from: 400, to: 2_000 };
const SHORT_FAULT_SHARE = 0.3;
/** Delays shorter and longer than a call's deadline. */
const DELAY_MS: Range = { from: 20, to: 400 };
/** The snapshot's age when a rollback kills the server. Writes after the snapshot are lost. */
const SNAPSHOT_AGE_MS: Range = { from: 300, to: 1_200 };

/** Injects a fault. Resolves when the fault is over. */
type InjectFault = (random: Random, pause: (range: Range) => Promise<void>) => Promise<Partial<FaultEntry>>;

export interface Target<Kind> {
  readonly node: string;
  readonly process?: string;
  readonly faults: Readonly<Record<Kind & string, InjectFault>>;
}

/**
 * The nemesis: injects one fault after another into random targets. Every kind of fault occurs once, in
 * random order, before any kind is repeated.
 *
 * @param signal ends the nemesis; the promise then resolves when the current fault is over
 */
export async function injectFaults<Kind extends FaultKind>(
  kinds: readonly Kind[],
  targets: readonly Target<Kind>[],
  random: Random,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const pause = async ({ from, to }: Range) => {
    await sleep(random.integer(from, to), undefined, { signal }).catch(() => undefined);
  };
  let deck: Kind[] = [];
  while (!signal.aborted) {
    await pause(PAUSE_MS);
    if (signal.aborted) return;
    if (deck.length === 0) deck = random.shuffled(kinds);
    const kind = deck.pop() as Kind;
    const { node, process, faults } = random.pick(targets);
    const from = now();
    const more = await faults[kind](random, pause);
    log({
      type: 'fault',
      kind,
      node,
      ...(process === undefined ? {} : { process }),
      from,
      to: now(),
      ...more,
    });
  }
}

export const serverTarget = (node: string, server: RedisServer): Target<(typeof SERVER_FAULTS)[number]> => ({
  node,
  faults: {
    /** SIGSTOP, then SIGCONT. */
    freeze: async (random, pause) => {
      await server.pause();
      await pause(faultDuration(random));
      await server.resume();
      return {};
    },
    /** SIGKILL, then a start without data. */
    kill: async (random, pause) => {
      await server.kill();
      await pause(faultDuration(random));
      await server.start();
      return {};
    },
    /** A clean shutdown, then a start with all data. */
    restart: async (random, pause) => {
      await shutDown(server);
      await pause(faultDuration(random));
      await server.start();
      deleteSnapshot(server);
      return {};
    },
    /** SIGKILL, then a start from an older snapshot. */
    rollback: async (_random, pause) => {
      await ask(server.location, ['SAVE']);
      assertSnapshot(server);
      await pause(SNAPSHOT_AGE_MS);
      const from = now();
      await server.kill();
      const goneAt = now();
      await pause(SHORT_FAULT_MS);
      await server.start();
      deleteSnapshot(server);
      return { from, goneAt };
    },
  },
});

export const networkTarget = (
  process: string,
  node: string,
  proxy: FaultyProxy,
): Target<(typeof NETWORK_FAULTS)[number]> => {
  const during =
    (conditionOf: (random: Random) => NetworkCondition): InjectFault =>
    async (random, pause) => {
      proxy.condition = conditionOf(random);
      await pause(faultDuration(random));
      proxy.condition = { type: 'normal' };
      return {};
    };
  return {
    node,
    process,
    faults: {
      cut: during(() => ({ type: 'cut' })),
      blackhole: during(() => ({ type: 'blackhole' })),
      delay: during((random) => ({ type: 'delay', delayMs: random.integer(DELAY_MS.from, DELAY_MS.to) })),
      truncate: during(() => ({ type: 'truncate' })),
      reset: async () => {
        proxy.reset();
        return {};
      },
    },
  };
};

const faultDuration = (random: Random): Range =>
  random.next() < SHORT_FAULT_SHARE ? SHORT_FAULT_MS : LONG_FAULT_MS;

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
