import type { Locations } from '../../src/config/locations.js';
import type { DRedisStoreOptions } from '../../src/config/options.js';
import { resolveOptions } from '../../src/config/validation.js';
import type { FailoverPart } from '../../src/membership/failover.js';
import type { SenderOf } from '../../src/membership/pull-through.js';
import { CHECK_RECORD, COMPARE_LEASE } from '../../src/membership/scripts.js';
import { TimeLease } from '../../src/membership/time-lease.js';
import type { Commands } from '../../src/node/commands.js';
import type { Node } from '../../src/node/node.js';
import { Runtime, type RuntimeSwitches } from '../../src/runtime.js';
import { MovingCalls, type MovingRequest } from '../../src/sharding/moving-calls.js';
import { type Snapshot, Topology } from '../../src/sharding/topology.js';
import { NamespacedStore } from '../../src/store.js';

/** Replies count although the topology has changed. */
class UnfencedTopology extends Topology {
  override replace(snapshot: Snapshot): void {
    super.replace({ ...snapshot, reads: { isRead: true }, writes: {} });
  }
}

/** A write does not take a lease away. */
class CallsWithoutLease extends MovingCalls {
  protected override async takeLeases(): Promise<void> {}
}

/** Writes are sent to both owners at once. */
class ParallelCalls extends MovingCalls {
  override async set<T>(request: MovingRequest, snapshot: Snapshot, send: () => Promise<T>): Promise<T> {
    const { source, keys } = request;
    const [, , reply] = await Promise.all([
      source.run((commands) => commands.unlink(keys), snapshot.writes),
      this.takeLeases(request, snapshot),
      send(),
    ]);
    return reply;
  }

  override async delete(request: MovingRequest, snapshot: Snapshot): Promise<boolean[]> {
    const { node, source, keys } = request;
    const unlink = (from: Node) => from.run((commands) => commands.unlink(keys), snapshot.writes);
    const counts = await Promise.all([unlink(source), unlink(node), this.takeLeases(request, snapshot)]);
    return keys.map(() => counts[0] + counts[1] > 0);
  }
}

/** A process uses the nodes for any time. */
class EndlessLease extends TimeLease {
  override isHeld(): boolean {
    return true;
  }
}

/** Writes are not logged, so a node that returns seems to have missed none. */
class UnloggedTopology extends Topology {
  override replace(snapshot: Snapshot): void {
    super.replace({ ...snapshot, missing: undefined });
  }
}

/** Runs the scripts of a pull without some of their lines. */
function withoutLines(lines: string, others: string): SenderOf {
  const edited = (script: string) => script.replace(lines, others);
  return (node, options) => (request) =>
    node.run((commands) => request(new Proxy(commands, { get: intercept })), options);

  function intercept(commands: Commands, name: keyof Commands): unknown {
    if (name === 'eval') {
      const run: Commands['eval'] = (script, ...rest) => commands.eval(edited(script), ...rest);
      return run;
    }
    const member: unknown = commands[name];
    return typeof member === 'function' ? member.bind(commands) : member;
  }
}

/** Parts of the membership protocol, and of a failover, that can be left out. */
export const PARTS = {
  /** Replies are not checked. */
  fence: () => ({ topology: new UnfencedTopology() }),
  /** A write does not take away the lease of a pull. */
  lease: () => ({ movingCalls: (pull) => new CallsWithoutLease(pull) }),
  /** A pull stores its value whether or not its lease is there. */
  comparison: () => ({ senderOf: withoutLines(COMPARE_LEASE, 'if true then') }),
  /** The scripts of a pull work under any record. */
  record: () => ({ senderOf: withoutLines(CHECK_RECORD, '') }),
  /** A write is sent to both owners at once, and not to the old owner first. */
  order: () => ({ movingCalls: (pull) => new ParallelCalls(pull) }),
  /** A process goes on although it does not reach a majority. */
  'time lease': () => ({ timeLease: EndlessLease }),
  /** The keys of a node get other owners before all leases are over. */
  wait: () => ({ failover: new Set<FailoverPart>(['wait']) }),
  /** The writes that a node misses are not logged. */
  log: () => ({ topology: new UnloggedTopology() }),
  /** A node returns without the phase in which nobody serves its keys. */
  closing: () => ({ failover: new Set<FailoverPart>(['closing']) }),
} satisfies Record<string, () => RuntimeSwitches>;

export type Part = keyof typeof PARTS;

/** A DRedisStore without a part of the membership protocol. It is the negative control for the fault checker. */
export class StoreWithout extends NamespacedStore {
  constructor(part: Part, locations: Locations, options?: DRedisStoreOptions) {
    const resolved = resolveOptions(options);
    super(new Runtime(locations, resolved, PARTS[part]()), resolved.namespace, true);
  }
}
