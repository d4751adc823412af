import type { RestartPolicy } from '../config/options.js';
import { noop } from '../connection/connection.js';
import type { PurgeReason } from '../errors/reporter.js';
import { PrefixSet } from '../format/prefix-set.js';
import { RUN_ID_KEY } from '../format/reserved-keys.js';
import type { Node } from '../node/node.js';
import type { RecentWrites } from '../node/recent-writes.js';
import { MAINTENANCE } from '../node/send-options.js';
import { WorkLock } from '../node/work-lock.js';
import { chunksOf } from '../sharding/chunks.js';
import type { Run } from '../sharding/scan.js';
import { timers } from '../timers.js';
import type { NamespacesInUse } from './namespaces.js';
import type { OptionalCommands } from './optional-commands.js';
import { PrefixLists } from './prefix-lists.js';
import { type Observation, observe, PrimaryWatch } from './primary-watch.js';
import { purge } from './purge.js';
import {
  compareHistory,
  formatMark,
  type KnownServer,
  parseMark,
  type ServerInfo,
} from './server-history.js';

export interface RestartOptions {
  /** By default, 'keep' if the server uses an append-only file, else 'purge'. */
  readonly restartPolicy?: RestartPolicy | undefined;
  readonly scanCount: number;
  readonly commands: OptionalCommands;
  /** Called when keys were removed from a node. */
  readonly onPurge: (node: string, reason: PurgeReason, keyCount: number) => void;
}

/** How often to look whether another process has finished, in milliseconds. */
const LOCK_POLL_MS = 50;

interface ServerConnection {
  readonly runId: string | undefined;
  readonly connectionId: number | undefined;
}

/**
 * Detects servers that restarted, and replicas that were promoted. If such a server may hold stale entries,
 * removes the store's keys from it.
 */
export class RestartDetector {
  readonly #namespaces: NamespacesInUse;
  readonly #options: RestartOptions;
  /** By node and not by name, because a node that updateNodes() replaces by another still finishes its calls. */
  readonly #connections = new WeakMap<Node, ServerConnection>();
  /** The last known primary of each node. */
  readonly #known = new Map<string, KnownServer>();
  readonly #watch = new PrimaryWatch((node, observation) => this.#observed(node, observation));

  constructor(namespaces: NamespacesInUse, options: RestartOptions) {
    this.#namespaces = namespaces;
    this.#options = options;
  }

  /**
   * Checks whether the server is the one that was used before, in the same run. If it is not, and the entries
   * may be stale, removes the store's keys unless the policy is `'keep'`.
   *
   * @param onRun told whether a process has used this run of the server before
   * @param followed settles once the server holds the newest topology record. Only then is the run marked as used.
   */
  async detectRestart(
    node: Node,
    onRun?: (isSame: boolean) => void,
    followed?: Promise<void>,
  ): Promise<void> {
    const run = runOn(node);
    const { commands: optional } = this.#options;
    const asked = run((commands) => commands.askForScripts());
    const [observation, mark, connectionId] = await Promise.all([
      optional.optional(
        'INFO',
        run(async (commands) => {
          commands.tryAgain();
          const found = await observe(commands);
          commands.runId = found.server.runId;
          return found;
        }),
      ),
      this.#readMark(node),
      node.isManaged
        ? optional.optional(
            'CLIENT ID',
            run((commands) => commands.connectionId()),
          )
        : undefined,
      asked,
    ]);
    const server = observation?.server;
    // If the server does not tell its run, restarts are not noticed.
    onRun?.(server?.runId === undefined || parseMark(mark)?.runId === server.runId);
    await this.#closePrevious(node, { runId: server?.runId, connectionId });
    // The entries on a replica come from its primary, and so does the mark.
    if (server?.isReplica) return this.#watch.start(node, server);
    const lists = new PrefixLists(node, server?.runId, optional);
    await this.#namespaces.register(node, lists);
    if (observation === undefined || server?.runId === undefined) return;
    await followed;
    try {
      await this.#checkOnce(node, { ...observation, runId: server.runId }, mark, lists);
    } catch (error) {
      await this.#putBackWrites(node, observation);
      throw error;
    }
    this.#confirmed(node, server.runId, server);
    this.#watch.start(node, server);
  }

  /**
   * Writes what a server has lost without a restart, because it was flushed: the prefixes, and the mark, without which
   * a process that starts later would not notice a restart from an old snapshot.
   */
  async restore(node: Node): Promise<void> {
    const run = runOn(node);
    const { commands: optional } = this.#options;
    const known = this.#known.get(node.name);
    const [mark] = await Promise.all([this.#readMark(node), this.#namespaces.registerAgain(node)]);
    if (mark !== undefined || known === undefined) return;
    const text = formatMark({ runId: known.runId, historyId: known.historyId, isContinued: false });
    await optional.optional(
      'SET',
      run((commands) => commands.setText(RUN_ID_KEY, text)),
    );
  }

  /** Ends the observation of all nodes. */
  stop(): void {
    this.#watch.stop();
  }

  /**
   * The server may not have read all commands from the previous connection yet, so that connection is closed.
   */
  async #closePrevious(node: Node, current: ServerConnection): Promise<void> {
    const previous = this.#connections.get(node);
    // Another run may use the same id for a connection of someone else.
    const isSameRun = current.runId !== undefined && previous?.runId === current.runId;
    const previousId = isSameRun ? previous?.connectionId : undefined;
    if (previousId !== undefined && previousId !== current.connectionId) {
      await this.#options.commands.optional(
        'CLIENT KILL',
        node.run((commands) => commands.killConnection(previousId), MAINTENANCE),
      );
    }
    this.#connections.set(node, current);
  }

  /** If old entries may have to be removed, one process does it, and the others wait for it. */
  async #checkOnce(
    node: Node,
    observation: Observation & { readonly runId: string },
    markText: string | undefined,
    lists: PrefixLists,
  ): Promise<void> {
    const { server, writes } = observation;
    const run = runOn(node);
    const compared = this.#compare(node, server, markText, writes.isOverLimit);
    const isPurged = compared !== 'same' && compared !== 'continued' && this.#mayPurge(compared, server);
    if (!isPurged) return this.#check(node, observation, markText, lists);
    const lock = new WorkLock(run, 'purge');
    const check = async () => {
      // The process that had the lock before may have removed them.
      const current = await this.#readMark(node);
      await this.#check(node, observation, current, lists);
    };
    for (;;) {
      const isDone = await this.#options.commands.optional('EVAL', lock.run(check));
      if (isDone === undefined) return this.#check(node, observation, markText, lists);
      if (isDone) return;
      await new Promise<void>((resolve) => timers.setTimeout(resolve, LOCK_POLL_MS));
    }
  }

  #compare(node: Node, server: ServerInfo, markText: string | undefined, isOverLimit: boolean) {
    const compared = compareHistory(server, parseMark(markText), this.#known.get(node.name));
    return compared === 'continued' && isOverLimit ? 'replica-behind' : compared;
  }

  #readMark(node: Node): Promise<string | undefined> {
    return this.#options.commands.optional(
      'GET',
      runOn(node)((commands) => commands.getText(RUN_ID_KEY)),
    );
  }

  async #check(
    node: Node,
    { server, runId, writes }: Observation & { readonly runId: string },
    markText: string | undefined,
    lists: PrefixLists,
  ): Promise<void> {
    const run = runOn(node);
    const mark = parseMark(markText);
    const known = this.#known.get(node.name);
    const result = this.#compare(node, server, markText, writes.isOverLimit);
    if (result === 'continued') {
      await lists.keepEarlier();
      if (this.#mayPurge('replica-behind', server)) await this.#removeMissed(node, writes);
    } else if (result !== 'same') {
      if (this.#mayPurge(result, server)) await this.#purge(node, result, lists);
      else await lists.keepEarlier();
    }
    const isContinued = result === 'same' ? mark?.isContinued === true : result === 'continued';
    const replacedRunId = result === 'same' ? mark?.replacedRunId : (known?.runId ?? mark?.runId);
    const current = formatMark({ runId, historyId: server.historyId, isContinued, replacedRunId });
    if (current !== markText)
      await this.#options.commands.optional(
        'SET',
        run((commands) => commands.setText(RUN_ID_KEY, current)),
      );
  }

  /**
   * Removes the keys of the writes that a promoted replica may have missed: those since the last observation. A
   * replica that has the last write has all of them.
   */
  async #removeMissed(node: Node, { last, keys }: RecentWrites): Promise<void> {
    const { commands: optional } = this.#options;
    const run = runOn(node);
    const hasLast =
      last !== undefined &&
      (await optional.optional(
        'MGET',
        run((commands) => commands.hasWrite(last)),
      ));
    if (hasLast) return;
    let removedCount = 0;
    for (const chunk of chunksOf(keys)) {
      const removed = await optional.unlessForbidden(
        'UNLINK',
        run((commands) => commands.unlink(chunk)),
      );
      removedCount += removed ?? 0;
    }
    if (removedCount > 0) this.#options.onPurge(node.name, 'replica-behind', removedCount);
  }

  /** An append-only file keeps the writes that a server received, but not the writes that a replica missed. */
  #mayPurge(reason: PurgeReason, { usesAppendOnlyFile }: ServerInfo): boolean {
    const isKept = usesAppendOnlyFile && reason === 'restarted';
    return (this.#options.restartPolicy ?? (isKept ? 'keep' : 'purge')) === 'purge';
  }

  async #purge(node: Node, reason: PurgeReason, lists: PrefixLists): Promise<void> {
    const registered = [...(await lists.all()), ...this.#namespaces.prefixes];
    const prefixes = new PrefixSet(registered.filter((prefix) => this.#namespaces.mayPurge(prefix)));
    const keyCount = await purge(runOn(node), prefixes, this.#options.scanCount, this.#options.commands);
    await lists.dropEarlier();
    if (keyCount > 0) this.#options.onPurge(node.name, reason, keyCount);
  }

  /** All writes that this process has seen confirmed are before the server's position in its history. */
  #confirmed(node: Node, runId: string, { historyId, offset }: ServerInfo): void {
    this.#known.set(node.name, { runId, historyId, offset });
  }

  #putBackWrites(node: Node, { writes }: Observation): Promise<void> {
    return node.run(async (commands) => commands.putBackWrites(writes), MAINTENANCE).catch(noop);
  }

  async #observed(node: Node, observation: Observation): Promise<void> {
    const { server } = observation;
    const known = this.#known.get(node.name);
    if (known !== undefined && !server.isReplica && known.historyId === server.historyId) {
      this.#confirmed(node, known.runId, server);
      return;
    }
    await this.#putBackWrites(node, observation);
    if (!server.isReplica) await this.detectRestart(node);
  }
}

function runOn(node: Node): Run {
  return (request) => node.run(request, MAINTENANCE);
}
