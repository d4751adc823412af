import type { RestartPolicy } from '../config/options.js';
import { atMost } from '../connection/connection.js';
import { CommandFailedError, type DRedisError } from '../errors/errors.js';
import { copyKey, hintsKey, PREFIXES_KEY, RUN_KEY } from '../format/keyspace.js';
import type { Node } from '../node/node.js';
import { stepsOf } from '../sharding/chunks.js';
import { purge, type Run } from '../sharding/scan.js';
import type { Topology } from '../sharding/topology.js';
import { type Hint, type Hints, hintOfKey, hintOfPrefix, namesIn } from './hints.js';
import type { Namespaces } from './namespaces.js';

/** How long other nodes may take to tell what they hold, in milliseconds; less where commands wait for it. */
const HOLDER_TIMEOUT_MS = { waitedFor: 250, otherwise: 2000 };

export interface AdmissionOptions {
  readonly restartPolicy?: RestartPolicy | undefined;
  readonly hints: boolean;
  readonly scanCount: number;
  /** Nodes stand in for each other, so that there are copies of keys of nodes that are away. */
  readonly failsOver: boolean;
}

/** What this process knows of the connection that it had to a server. */
interface Acquaintance {
  readonly runId: string | undefined;
  readonly connectionId: number | undefined;
}

/**
 * What a node goes through before its keys are read: when a process connects to it first, and each time
 * that it comes back. Afterwards it holds no value older than a write that it has missed.
 *
 * Every client does this for itself and asks all other nodes, so no lock is needed: what two clients carry
 * out at once, or one of them too late, removes a key too many at worst.
 */
export class Admission {
  readonly #topology: Topology;
  readonly #hints: Hints;
  readonly #namespaces: Namespaces;
  readonly #options: AdmissionOptions;
  readonly #known = new Map<string, Acquaintance>();

  constructor(topology: Topology, hints: Hints, namespaces: Namespaces, options: AdmissionOptions) {
    this.#topology = topology;
    this.#hints = hints;
    this.#namespaces = namespaces;
    this.#options = options;
  }

  /**
   * @param waitedFor commands wait for it meanwhile, and the other nodes get less time to answer
   * @throws DRedisError when the node is lost again
   */
  async admit(node: Node, waitedFor: boolean): Promise<void> {
    await this.#recognise(node);
    if (this.#options.hints) await this.#makeGood(node, waitedFor);
  }

  /**
   * Removes what a node may have missed that answers again after a timeout. What was sent before is done
   * before: it is the same connection.
   */
  async catchUp(node: Node): Promise<void> {
    const own = this.#hints.take(node);
    if (own.length === 0) return;
    try {
      await this.#carryOut(
        own,
        node,
        (send) => node.run(send),
        () => own,
      );
    } catch {
      this.#leaveAgain(node, own);
    }
  }

  /** Makes sure that it is the server that it was, with nothing in it of a run before. */
  async #recognise(node: Node): Promise<void> {
    const known = this.#known.get(node.name);
    const [info, mark, connectionId] = await Promise.all([
      allowed(node.reach((commands) => commands.info())),
      allowed(node.reach((commands) => commands.text(RUN_KEY))),
      node.hasOwnConnection ? allowed(node.reach((commands) => commands.connectionId())) : undefined,
    ]);
    const runId = /^run_id:(\S+)/m.exec(info ?? '')?.[1];
    if (runId !== undefined && runId !== mark) {
      // A snapshot has the mark of its own run. Without one it is new here, or was emptied, or is too old.
      const restarted = mark ? true : known !== undefined && known.runId !== runId;
      const policy = this.#options.restartPolicy ?? (/^aof_enabled:1/m.test(info ?? '') ? 'keep' : 'purge');
      if (restarted && policy === 'purge') await this.#purgeAll(node);
      await unlessRefused(node.reach((commands) => commands.set(RUN_KEY, runId, undefined)));
    }
    const before = known?.runId === runId ? known?.connectionId : undefined;
    if (before !== undefined && before !== connectionId) {
      // What the server may still have to read from there must not happen any more.
      await unlessRefused(node.reach((commands) => commands.endConnection(before)));
    }
    const prefixes = [...this.#namespaces.prefixes];
    await unlessRefused(node.reach((commands) => commands.addMembers(PREFIXES_KEY, prefixes)));
    this.#known.set(node.name, { runId, connectionId });
  }

  async #purgeAll(node: Node): Promise<void> {
    const registered = (await allowed(node.reach((commands) => commands.members(PREFIXES_KEY)))) ?? [];
    for (const prefix of new Set([...registered, ...this.#namespaces.prefixes])) {
      await this.#purge((send) => node.reach(send), prefix);
      await this.#purge((send) => node.reach(send), prefix, copyKey);
    }
  }

  async #makeGood(node: Node, waitedFor: boolean): Promise<void> {
    const own = this.#hints.take(node);
    try {
      const held = await this.#collect(node, waitedFor);
      const all = [...new Set<string>([...own, ...[...held.values()].flat()])];
      const heldBy = (holder: Node) => held.get(holder) ?? [];
      await this.#carryOut(all, node, (send) => node.reach(send), heldBy);
    } catch (error) {
      this.#leaveAgain(node, own);
      throw error;
    }
  }

  /**
   * Removes what hints about a node name from it, the copies of that from the others, and the hints
   * themselves.
   *
   * @param heldBy the hints that another node holds
   */
  async #carryOut(
    hints: readonly string[],
    node: Node,
    run: Run,
    heldBy: (holder: Node) => readonly string[],
  ): Promise<void> {
    await this.#remove(hints, run);
    await Promise.all(
      this.#others(node).map(async (holder) => {
        const held = heldBy(holder);
        const removed = await this.#removeCopies(this.#options.failsOver ? hints : held, holder);
        if (removed) await this.#drop(held, node, holder);
      }),
    );
  }

  #leaveAgain(node: Node, hints: readonly Hint[]): void {
    for (const hint of hints) this.#hints.leave(node, hint);
  }

  /** What the other nodes hold of this one: of those that answer in time. */
  async #collect(node: Node, waitedFor: boolean): Promise<ReadonlyMap<Node, readonly string[]>> {
    const held = new Map<Node, readonly string[]>();
    const asked = this.#others(node).filter(({ status }) => status.state !== 'down');
    const answers = asked.map(async (holder) => {
      held.set(holder, await holder.reach((commands) => commands.members(hintsKey(node.name))));
    });
    await atMost(HOLDER_TIMEOUT_MS[waitedFor ? 'waitedFor' : 'otherwise'], Promise.allSettled(answers));
    // What comes later is not carried out, and must not be dropped.
    return new Map(held);
  }

  /** Removes what hints name. */
  async #remove(hints: readonly string[], run: Run, nameOf = (name: string) => name): Promise<void> {
    const { keys, prefixes } = namesIn(hints);
    for (const step of stepsOf(keys)) await allowed(run((commands) => commands.unlink(step.map(nameOf))));
    for (const prefix of prefixes) await this.#purge(run, prefix, nameOf);
  }

  /** The same for the copies of it on another node. @returns whether they are gone */
  async #removeCopies(hints: readonly string[], holder: Node): Promise<boolean> {
    try {
      if (holder.status.state === 'down') throw holder.status.reason;
      await this.#remove(hints, (send) => holder.reach(send), copyKey);
      return true;
    } catch {
      // Then that node has missed something.
      const { keys, prefixes } = namesIn(hints);
      for (const key of keys) this.#hints.leave(holder, hintOfKey(copyKey(key)));
      for (const prefix of prefixes) this.#hints.leave(holder, hintOfPrefix(copyKey(prefix)));
      // It may be back already.
      if (holder.status.state === 'up') await this.catchUp(holder);
      return false;
    }
  }

  /** Drops hints that were carried out. What stays is carried out again. */
  async #drop(hints: readonly string[], node: Node, holder: Node): Promise<void> {
    try {
      for (const step of stepsOf(hints)) {
        await holder.reach((commands) => commands.removeMembers(hintsKey(node.name), step));
      }
    } catch {
      // A miss or two more.
    }
  }

  async #purge(run: Run, prefix: string, nameOf = (name: string) => name): Promise<void> {
    if (this.#namespaces.mayPurge(prefix)) await allowed(purge(run, nameOf(prefix), this.#options.scanCount));
  }

  #others(node: Node): readonly Node[] {
    return this.#topology.snapshot.byIndex.filter(({ name }) => name !== node.name);
  }
}

const FORBIDDEN_OR_UNKNOWN = /^(NOPERM|ERR unknown)/;

/** The answer, where there is one: an ACL may forbid what is asked, and an old server may not know it. */
async function allowed<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    const { cause } = error as DRedisError;
    if (cause instanceof Error && FORBIDDEN_OR_UNKNOWN.test(cause.message)) return undefined;
    throw error;
  }
}

/** What can do without: a server that is full or read-only still answers reads. */
async function unlessRefused(done: Promise<unknown>): Promise<void> {
  try {
    await done;
  } catch (error) {
    if (!(error instanceof CommandFailedError)) throw error;
  }
}
