import { setTimeout as sleep } from 'node:timers/promises';
import { now } from '../shared/clock.js';
import { CHANGES, type ChangeEntry, type ChangeKind, type Log } from './history.js';
import type { ChangeOrder, ChangeReport, OperatorSetup } from './operator.js';
import { OperatorProcess } from './operator-process.js';
import type { Random } from './random.js';

const PAUSE_MS = { from: 0, to: 600 };
/** A change takes at least about 50 ms, and a slow one some seconds. */
const SOON_MS = { from: 5, to: 150 };
const LATER_MS = { from: 150, to: 1_500 };
const KILLED_SHARE = 0.35;
const STOPPED_MS = { from: 300, to: 4_000 };
const STOPPED_SHARE = 0.2;
/** Low rates keep the cache between two rings for some time. */
const RATES = [50, 100, 300, 1_000_000];
const WEIGHTS = [1, 2, 3];
/** Longer than an operator waits for a server, with time for a loaded machine. */
const CHANGE_TIMEOUT_MS = 60_000;

/**
 * An operator that changes the topology again and again. Every other change or so is interrupted: its process is
 * killed, or stands still for a time. Disposes of its process.
 *
 * @param started the first process, which is ready
 * @param signal ends it, and kills an operator at work
 */
export async function changeTopology(
  operator: string,
  started: OperatorProcess,
  random: Random,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  let process = started;
  let deck: ChangeKind[] = [];
  // Even a short run has a change that ends, and an operator that is killed.
  let isNextKilled: boolean | undefined = false;
  try {
    while (!signal.aborted) {
      await sleep(random.integer(PAUSE_MS.from, PAUSE_MS.to), undefined, { signal }).catch(() => undefined);
      if (process.hasEnded) process = new OperatorProcess(process.setup);
      await process.ready();
      if (signal.aborted) return;
      if (deck.length === 0) deck = random.shuffled(CHANGES);
      const kind = deck.pop() as ChangeKind;
      const entry = await changeOnce({ operator, process, kind, isKilled: isNextKilled }, random, signal);
      log(entry);
      if (isNextKilled === false && (entry.epoch ?? 0) > 0) isNextKilled = true;
      if (entry.outcome === 'killed') isNextKilled = undefined;
    }
  } finally {
    await process[Symbol.asyncDispose]();
  }
}

interface PlannedChange {
  readonly operator: string;
  readonly process: OperatorProcess;
  readonly kind: ChangeKind;
  /** Undefined means at random. */
  readonly isKilled: boolean | undefined;
}

async function changeOnce(
  { operator, process, kind, isKilled }: PlannedChange,
  random: Random,
  signal: AbortSignal,
): Promise<ChangeEntry> {
  const order: ChangeOrder = {
    kind,
    choice: random.next(),
    weight: random.pick(WEIGHTS),
    maxKeysPerSecond: random.pick(RATES),
  };
  const [kill, stop] = [random.next() < KILLED_SHARE, random.next() < STOPPED_SHARE];
  const [isKilledLater, isStopped] = isKilled === undefined ? [kill, stop] : [isKilled, false];
  const [killAfterMs, stopAfterMs, stoppedMs] = [
    random.pick([SOON_MS, LATER_MS]),
    random.pick([SOON_MS, LATER_MS]),
    STOPPED_MS,
  ].map(({ from, to }) => random.integer(from, to)) as [number, number, number];
  const from = now();
  const report = process.change(order);
  const timers = [
    setTimeout(() => process.signal('SIGKILL'), isKilledLater ? killAfterMs : CHANGE_TIMEOUT_MS),
  ];
  const paused: { pausedFrom?: number; pausedTo?: number } = {};
  if (isStopped) {
    timers.push(
      setTimeout(() => {
        process.signal('SIGSTOP');
        paused.pausedFrom = now();
      }, stopAfterMs),
      setTimeout(() => {
        process.signal('SIGCONT');
        paused.pausedTo = now();
      }, stopAfterMs + stoppedMs),
    );
  }
  // The run is over: whatever the change has not done yet, another operator does.
  const end = () => process.signal('SIGKILL');
  signal.addEventListener('abort', end);
  const result = await report;
  signal.removeEventListener('abort', end);
  for (const timer of timers) clearTimeout(timer);
  // It may have been stopped when its report was on its way.
  process.signal('SIGCONT');
  return toEntry(operator, kind, from, result, paused);
}

/**
 * Finishes what the operators have left behind, without faults. Tries again for a while, because nodes may still be
 * away. @returns the last attempt
 */
export async function finishChanges(setup: OperatorSetup, log: Log): Promise<ChangeEntry> {
  const startedAt = now();
  while (true) {
    await using process = new OperatorProcess(setup);
    await process.ready();
    const from = now();
    const order: ChangeOrder = { kind: 'resume', choice: 0, weight: 1, maxKeysPerSecond: 1_000_000 };
    const entry = toEntry('last', 'resume', from, await process.change(order), {});
    log(entry);
    if (entry.outcome === 'done' || now() - startedAt > FINISH_MS) return entry;
    await sleep(RETRY_MS);
  }
}

const FINISH_MS = 20_000;
const RETRY_MS = 500;

function toEntry(
  operator: string,
  kind: ChangeKind,
  from: number,
  { outcome, epoch, target, error }: ChangeReport,
  paused: Pick<ChangeEntry, 'pausedFrom' | 'pausedTo'>,
): ChangeEntry {
  return {
    type: 'change',
    operator,
    kind,
    from,
    to: now(),
    outcome: outcome === 'ready' ? 'crashed' : outcome,
    epoch,
    target,
    error,
    ...paused,
  };
}
