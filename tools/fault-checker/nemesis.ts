import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, type RedisServer } from 'redis-launcher';
import { now } from '../shared/clock.js';
import type { FaultyProxy, NetworkCondition } from './faulty-proxy.js';
import type { FAULTS_OF_NETWORK, FAULTS_OF_SERVERS, FaultEntry, FaultKind, Log } from './history.js';
import type { Random } from './random.js';

/** What a server reads when it starts, in its folder. */
const SNAPSHOT = 'dump.rdb';

interface Range {
  readonly from: number;
  readonly to: number;
}

/** Between one fault and the next: long enough for a client to reconnect, mostly. */
const PEACE_MS: Range = { from: 200, to: 1_200 };
/** Some faults are over before a deadline is, and some long after. */
const SHORT_MS: Range = { from: 30, to: 250 };
const LONG_MS: Range = { from: 400, to: 2_000 };
const SHORT_SHARE = 0.3;
/** Around the deadline of the calls. */
const DELAY_MS: Range = { from: 20, to: 400 };
/** Writes that a rollback takes back. */
const SINCE_SNAPSHOT_MS: Range = { from: 300, to: 1_200 };

/** What a fault does; resolves when it is over. */
type Inflict = (random: Random, pause: (range: Range) => Promise<void>) => Promise<Partial<FaultEntry>>;

export interface Target<Kind> {
  readonly node: string;
  readonly process?: string;
  readonly faults: Readonly<Record<Kind & string, Inflict>>;
}

/**
 * Breaks one thing after the other. Of its kinds of fault each comes once before any comes again, in random order.
 * Resolves, with all mended, when the signal says so.
 */
export async function torment<Kind extends FaultKind>(
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
    await pause(PEACE_MS);
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

export const serverTarget = (
  node: string,
  server: RedisServer,
): Target<(typeof FAULTS_OF_SERVERS)[number]> => ({
  node,
  faults: {
    /** SIGSTOP, then SIGCONT. */
    freeze: async (random, pause) => {
      await server.pause();
      await pause(length(random));
      await server.resume();
      return {};
    },
    /** SIGKILL, and another server without data. */
    kill: async (random, pause) => {
      await server.kill();
      await pause(length(random));
      await server.start();
      return {};
    },
    /** A clean end, and a start with all data. */
    restart: async (random, pause) => {
      await shutDown(server);
      await pause(length(random));
      await server.start();
      forget(server);
      return {};
    },
    /** SIGKILL, and a start with the data of some time before. */
    rollback: async (_random, pause) => {
      await ask(server.location, ['SAVE']);
      assertSnapshot(server);
      await pause(SINCE_SNAPSHOT_MS);
      const from = now();
      await server.kill();
      const goneAt = now();
      await pause(SHORT_MS);
      await server.start();
      forget(server);
      return { from, goneAt };
    },
  },
});

export const networkTarget = (
  process: string,
  node: string,
  proxy: FaultyProxy,
): Target<(typeof FAULTS_OF_NETWORK)[number]> => {
  const during =
    (conditionOf: (random: Random) => NetworkCondition): Inflict =>
    async (random, pause) => {
      proxy.condition = conditionOf(random);
      await pause(length(random));
      proxy.condition = { type: 'well' };
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

const length = (random: Random): Range => (random.next() < SHORT_SHARE ? SHORT_MS : LONG_MS);

/** The server saves what it holds, says nothing more, and ends. */
async function shutDown(server: RedisServer): Promise<void> {
  const refusal = await ask(server.location, ['SHUTDOWN', 'SAVE']).catch(() => undefined);
  if (refusal !== undefined) throw new Error(`${server.location} does not shut down: ${refusal}`);
  await server.kill();
  assertSnapshot(server);
}

function assertSnapshot(server: RedisServer): void {
  if (existsSync(join(server.folder, SNAPSHOT))) return;
  throw new Error(
    `${server.location} has saved nothing in ${server.folder}: this needs redis-server on PATH, not Docker`,
  );
}

function forget(server: RedisServer): void {
  rmSync(join(server.folder, SNAPSHOT), { force: true });
}
