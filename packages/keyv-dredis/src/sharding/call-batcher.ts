import type { MultiResult } from '../errors/multi-result.js';
import type { StoredValue } from '../format/values.js';
import { timers } from '../timers.js';
import type { CallGroup } from './call-groups.js';
import type { GetManyCall } from './get-many-call.js';
import type { CallListener, SingleKeyCall } from './single-key-calls.js';

/** Limits of a batch. A batch is sent as soon as it reaches one of the limits. */
export interface BatchLimits {
  /** Number of keys, 1 or more. With 1, every key is sent on its own. */
  readonly maxKeys: number;
  /** Length of all keys and values together, in UTF-16 code units (bytes for ASCII). */
  readonly maxLength: number;
}

/** As long as no more calls are pending, calls do not wait for one another. See {@link CallBatcher}. */
const MAX_PENDING_AT_ONCE = 16;

/** Maximum number of event loop turns in which a batch collects calls. */
const MAX_TURNS = 4;

/** Calls that are sent together, in the order in which they were made. */
class OpenBatch implements CallGroup {
  readonly calls: SingleKeyCall[] = [];
  readonly keys: string[] = [];
  /** Number of calls of the store. A call with many keys counts once. */
  callCount = 0;
  /** Whether the batch waits for the next turn of the event loop. */
  isWaiting = false;
  #length = 0;

  add(call: SingleKeyCall): void {
    this.calls.push(call);
    this.keys.push(call.key);
    this.#length += call.length;
  }

  hasReached({ maxKeys, maxLength }: BatchLimits): boolean {
    return this.keys.length >= maxKeys || this.#length >= maxLength;
  }
}

/** Sends calls. The methods never throw. */
export interface Sender {
  send(batch: CallGroup): void;
  sendOne(call: SingleKeyCall): void;
  superseded: CallListener['superseded'];
}

/**
 * Collects calls from the same turn of the event loop into batches, if many calls are pending. To collect them costs time
 * for each batch, and may cost a turn of the event loop. With few pending calls, batches would be too small to be worth
 * that, so each call is sent at once.
 */
export class CallBatcher implements CallListener {
  readonly #sender: Sender;
  readonly #limits: BatchLimits;
  #batch: OpenBatch | undefined;
  /** Calls of the store that have not ended. */
  #pendingCount = 0;
  /** Whether {@link CallBatcher.#endOfJobs} is going to run. */
  #isEndAwaited = false;

  constructor(limits: BatchLimits, sender: Sender) {
    this.#limits = limits;
    this.#sender = sender;
  }

  run<Result>(call: SingleKeyCall<Result>): Promise<Result> {
    const outcome = call.begin(this);
    this.#pendingCount += 1;
    if (this.#batch === undefined && this.#pendingCount <= MAX_PENDING_AT_ONCE) this.#sender.sendOne(call);
    else {
      const batch = this.#openBatch();
      batch.add(call);
      this.#added(batch);
    }
    return outcome;
  }

  /** Runs a call with several keys, one or more. */
  runMany(call: GetManyCall): Promise<MultiResult<StoredValue | undefined>> {
    const outcome = call.begin(this);
    this.#pendingCount += 1;
    const { parts } = call;
    if ((this.#batch?.keys.length ?? 0) + parts.length > this.#limits.maxKeys) this.flush();
    const batch = this.#openBatch();
    for (const part of parts) batch.add(part);
    if (this.#pendingCount <= MAX_PENDING_AT_ONCE) this.flush();
    else this.#added(batch);
    return outcome;
  }

  /** Sends the open batch. Called before a command is sent that must not overtake the calls in the batch. */
  readonly flush = (): void => {
    const batch = this.#batch;
    this.#batch = undefined;
    // A batch that reached a limit has already been sent.
    if (batch !== undefined) this.#sender.send(batch);
  };

  ended(): void {
    this.#pendingCount -= 1;
  }

  superseded(...call: Parameters<CallListener['superseded']>): void {
    this.#sender.superseded(...call);
  }

  #openBatch(): OpenBatch {
    this.#batch ??= new OpenBatch();
    return this.#batch;
  }

  /** A call of the store has been added to a batch. */
  #added(batch: OpenBatch): void {
    batch.callCount += 1;
    if (batch.hasReached(this.#limits)) this.flush();
    else if ((batch.callCount === 1 || this.#hasAll(batch)) && !this.#isEndAwaited) {
      this.#isEndAwaited = true;
      afterPromiseJobs(this.#endOfJobs);
    }
  }

  /** Whether no call is in flight, so that no reply can make a caller add another call to the batch. */
  #hasAll(batch: OpenBatch): boolean {
    return batch.callCount === this.#pendingCount;
  }

  readonly #endOfJobs = (): void => {
    this.#isEndAwaited = false;
    const batch = this.#batch;
    if (batch === undefined) return;
    if (batch.callCount === 1 || this.#hasAll(batch)) this.flush();
    else if (!batch.isWaiting) {
      batch.isWaiting = true;
      this.#collectMore(batch, MAX_TURNS);
    }
  };

  /** Sends the batch once a turn of the event loop adds nothing to it, or after the given number of turns. */
  #collectMore(batch: OpenBatch, turns: number): void {
    const { callCount } = batch;
    timers.setImmediate(() => {
      // The batch has already been sent.
      if (batch !== this.#batch) return;
      if (batch.callCount > callCount && turns > 1 && !this.#hasAll(batch))
        this.#collectMore(batch, turns - 1);
      else this.flush();
    });
  }
}

const resolved = Promise.resolve();

/**
 * Runs a job after all pending promise jobs, but before the event loop continues.
 *
 * One socket read brings replies for many callers. Each reply resolves a promise, so its caller continues in
 * a promise job. In that job, the caller makes its next call. If the batcher also used a promise job, the
 * batcher's job would run between the callers' jobs, and find only the first call. So the batcher's promise
 * job calls `process.nextTick`, whose callback runs once the queue of promise jobs is empty. By then, every
 * caller has made its next call. (graphql/dataloader schedules its batches in the same way.)
 *
 * A batch with a single call is sent at that point, and so is a batch with all calls that are pending. This does not delay
 * the calls, because node-redis writes to its socket later anyway, in the check phase of the event loop (setImmediate).
 *
 * Another batch waits for the check phase, which costs a turn of the event loop: node-redis then writes in the check phase
 * of the next turn. Before that phase, the loop reads the sockets of the other nodes, so callers that wait for these nodes
 * can make more calls. If there are many nodes, each socket read wakes only a few callers, so batches would stay small
 * without this wait. If a turn of the loop adds calls, the batch waits for one more turn. This makes the commands fewer
 * and larger. The first turn that adds nothing ends the wait. In an idle process, a turn takes only microseconds.
 */
function afterPromiseJobs(job: () => void): void {
  resolved.then(() => timers.nextTick(job));
}
