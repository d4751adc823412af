import type { RestartPolicy } from '../config/options.js';
import { failoverKey, PREFIXES_KEY, RUN_ID_KEY } from '../format/reserved-keys.js';
import { MAINTENANCE, type Node } from '../node/node.js';
import { purge } from '../sharding/scan.js';
import type { NamespacesInUse } from './namespaces.js';
import { optional, unlessForbidden } from './optional-commands.js';

/** Identifies a server process and the connection to it. */
interface ServerIdentity {
  /** Changes when the server restarts. */
  readonly runId: string | undefined;
  readonly connectionId: number | undefined;
}

export interface RestartOptions {
  /** By default, 'keep' if the server uses an append-only file, else 'purge'. */
  readonly restartPolicy?: RestartPolicy | undefined;
  readonly scanCount: number;
}

/** Detects server restarts, and removes keys that were loaded from an old snapshot. */
export class RestartDetector {
  readonly #namespaces: NamespacesInUse;
  readonly #options: RestartOptions;
  readonly #known = new Map<string, ServerIdentity>();

  constructor(namespaces: NamespacesInUse, options: RestartOptions) {
    this.#namespaces = namespaces;
    this.#options = options;
  }

  /**
   * Checks whether the server has restarted since the last connection. After a restart, removes the store's
   * keys from the server if the policy is `'purge'`.
   */
  async detectRestart(node: Node): Promise<void> {
    const known = this.#known.get(node.name);
    const [info, mark, connectionId] = await Promise.all([
      optional(node.run((commands) => commands.info(), MAINTENANCE)),
      optional(node.run((commands) => commands.getText(RUN_ID_KEY), MAINTENANCE)),
      node.isManaged ? optional(node.run((commands) => commands.connectionId(), MAINTENANCE)) : undefined,
    ]);
    const runId = /^run_id:(\S+)/m.exec(info ?? '')?.[1];
    if (runId !== undefined && runId !== mark) {
      // A snapshot contains the mark of the run that wrote it, so the mark of another run means a restart. If
      // there is no mark, the server is new, it was emptied, or its snapshot is older than the first mark.
      const restarted = mark ? true : known !== undefined && known.runId !== runId;
      const policy = this.#options.restartPolicy ?? (/^aof_enabled:1/m.test(info ?? '') ? 'keep' : 'purge');
      if (restarted && policy === 'purge') await this.#purgeAll(node);
      await optional(node.run((commands) => commands.set(RUN_ID_KEY, runId, undefined), MAINTENANCE));
    }
    const previous = known?.runId === runId ? known?.connectionId : undefined;
    if (previous !== undefined && previous !== connectionId) {
      // The server may not have read all commands from the previous connection yet, so that connection is
      // closed.
      await optional(node.run((commands) => commands.killConnection(previous), MAINTENANCE));
    }
    const prefixes = [...this.#namespaces.prefixes];
    await optional(node.run((commands) => commands.addMembers(PREFIXES_KEY, prefixes), MAINTENANCE));
    this.#known.set(node.name, { runId, connectionId });
  }

  async #purgeAll(node: Node): Promise<void> {
    const registered =
      (await optional(node.run((commands) => commands.setMembers(PREFIXES_KEY), MAINTENANCE))) ?? [];
    for (const prefix of new Set([...registered, ...this.#namespaces.prefixes])) {
      if (!this.#namespaces.mayPurge(prefix)) continue;
      for (const each of [prefix, failoverKey(prefix)]) {
        await unlessForbidden(
          purge((request) => node.run(request, MAINTENANCE), each, this.#options.scanCount),
        );
      }
    }
  }
}
