import type { Node } from '../node/node.js';
import { MIN_VOTERS, type Snapshot, type Topology } from '../sharding/topology.js';
import { timers } from '../timers.js';
import { majorityOf } from './majority.js';

/** A lease is renewed in the background as long as calls were made during the last so many lease times. */
const USED_LEASES = 10;

/** Renewals per lease time. */
const RENEWALS = 3;

/** If the wall clock jumps forward by more than this part of a lease, the machine may have stood still. */
const MAX_JUMP = 0.1;

export interface TimeLeaseOptions {
  readonly topology: Topology;
  /** Length of a lease, in milliseconds. */
  readonly leaseMs: () => number;
  /** Called when a renewal has failed, or has succeeded after a failure. */
  readonly onChange: () => void;
}

/**
 * The right of this process to use the nodes, for a short time (Gray and Cheriton, *Leases*, SOSP 1989). It lasts
 * `leaseMs` from when commands were sent to which a strict majority of the voters replied while they held the record that
 * this process uses. When the processes remove a node that one of them still reaches, they wait until the leases
 * of all processes that have not heard of it are over.
 *
 * Traffic renews the lease: no command is necessary for it while all nodes are in use.
 */
export class TimeLease {
  readonly #options: TimeLeaseOptions;
  #snapshot: Snapshot | undefined;
  /** On the clock of `timers.now()`. */
  #endsAt = Number.NEGATIVE_INFINITY;
  /** Replies to earlier commands do not count. */
  #notBefore = Number.NEGATIVE_INFINITY;
  #clockOffset = Number.POSITIVE_INFINITY;
  #checkedAt = Number.NEGATIVE_INFINITY;
  #usedAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #renewing: Promise<boolean> | undefined;
  #hasFailed = false;
  #stopped = false;

  constructor(options: TimeLeaseOptions) {
    this.#options = options;
  }

  /** Whether this process does not reach a majority: the last renewal has failed, and too many nodes are down. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Whether commands may be sent under a snapshot. */
  isHeld(snapshot: Snapshot): boolean {
    const now = timers.now();
    this.#checkedAt = now;
    if (!snapshot.needsLease) return true;
    // A clock that does not run while the machine is suspended does not tell that the lease is over.
    const offset = Date.now() - now;
    const hasJumped = offset - this.#clockOffset > MAX_JUMP * this.#options.leaseMs();
    this.#clockOffset = offset;
    if (hasJumped) this.#notBefore = now;
    else if (snapshot === this.#snapshot && now < this.#endsAt) return true;
    this.#snapshot = snapshot;
    this.#endsAt = this.#end(snapshot);
    if (now >= this.#endsAt) return false;
    this.#hasFailed = false;
    return true;
  }

  /** Whether a call may be sent under a snapshot. From now on, the lease is renewed in the background for some time. */
  isHeldForCall(snapshot: Snapshot): boolean {
    const isHeld = this.isHeld(snapshot);
    this.#usedAt = this.#checkedAt;
    if (this.#timer === undefined && !this.#stopped && snapshot.needsLease) this.#schedule();
    return isHeld;
  }

  /** Asks the voters. @returns whether the lease is held */
  renew(): Promise<boolean> {
    this.#renewing ??= this.#renew(this.#options.topology.snapshot).finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  /** Why calls fail, if the process does not reach a majority. */
  failure(): Error {
    const [voters = []] = this.#options.topology.snapshot.voters;
    const reached = voters.filter((node) => node.isAvailable).length;
    return new Error(
      `this process reaches ${reached} of ${voters.length} nodes, and needs ${majorityOf(voters.length)}, because the ` +
        'others may have removed a node meanwhile',
    );
  }

  stop(): void {
    this.#stopped = true;
    timers.clearTimeout(this.#timer);
  }

  /** When the lease ends: the replies of a majority decide, in each list of voters. */
  #end({ voters, epoch }: Snapshot): number {
    const leaseMs = this.#options.leaseMs();
    let end = Number.POSITIVE_INFINITY;
    for (const nodes of voters) {
      if (nodes.length < MIN_VOTERS) continue;
      const times = nodes.map((node) => node.confirmedAt(epoch)).sort((one, other) => other - one);
      const sentAt = times[majorityOf(nodes.length) - 1] as number;
      end = Math.min(end, sentAt < this.#notBefore ? Number.NEGATIVE_INFINITY : sentAt + leaseMs);
    }
    return end;
  }

  async #renew(snapshot: Snapshot): Promise<boolean> {
    const isHeld = () => this.isHeld(this.#options.topology.snapshot);
    const replies = Array.from(new Set(snapshot.voters.flat()), (node) => node.confirm());
    const held = new Promise<void>((resolve) => {
      for (const reply of replies) void reply.then(() => isHeld() && resolve());
    });
    await Promise.race([held, Promise.all(replies)]);
    const hadFailed = this.#hasFailed;
    const isRenewed = isHeld();
    this.#hasFailed = !isRenewed && !hasMajority(this.#options.topology.snapshot);
    if (this.#hasFailed || hadFailed) this.#options.onChange();
    return isRenewed;
  }

  #schedule(): void {
    const intervalMs = this.#options.leaseMs() / RENEWALS;
    this.#timer = timers.setTimeout(() => {
      this.#timer = undefined;
      const now = timers.now();
      if (this.#stopped || now - this.#usedAt > USED_LEASES * this.#options.leaseMs()) {
        // The next call asks again.
        this.#hasFailed = false;
        return;
      }
      this.#schedule();
      const { snapshot } = this.#options.topology;
      if (!this.isHeld(snapshot)) void this.renew();
      else for (const node of dueOf(snapshot, now - intervalMs)) void node.confirm();
    }, intervalMs);
    this.#timer.unref();
  }
}

/** Whether a majority of the voters is not down, so that they may reply later. */
function hasMajority({ voters }: Snapshot): boolean {
  return voters.every((nodes) => nodes.filter((node) => node.isAvailable).length >= majorityOf(nodes.length));
}

/** Voters that have not replied to a command since a time. */
function dueOf({ voters, epoch }: Snapshot, since: number): ReadonlySet<Node> {
  const needing = voters.filter(({ length }) => length >= MIN_VOTERS).flat();
  return new Set(needing.filter((node) => node.confirmedAt(epoch) < since));
}
