import type { RestartPolicy } from '../config/options.js';
import { DEFAULTS } from '../config/options.js';
import { noop } from '../connection/connection.js';
import { NO_RECOVERY } from '../node/no-recovery.js';
import type { Node, RecoveryHooks } from '../node/node.js';
import { NamespacesInUse } from './namespaces.js';
import { OptionalCommands } from './optional-commands.js';
import { RestartDetector, type RestartOptions } from './restart.js';

interface ChangeRecoveryOptions {
  readonly restartPolicy?: RestartPolicy | undefined;
  readonly ownsDatabase: boolean;
  /** Called when keys were removed from a node, because it has restarted. */
  readonly onPurge: RestartOptions['onPurge'];
}

/**
 * Recovers servers that have restarted, as stores do. Otherwise, a change would move old values to other servers,
 * where stores take them for current ones. Writes nothing before {@link ChangeRecovery.start}.
 */
export class ChangeRecovery implements RecoveryHooks {
  /** A change checks the record in scripts, so it does not wait for the epoch of a node. */
  readonly synchronize = NO_RECOVERY.synchronize;
  readonly opened = NO_RECOVERY.opened;
  readonly unreachable = NO_RECOVERY.unreachable;
  readonly startsOver = NO_RECOVERY.startsOver;
  readonly #restarts: RestartDetector;
  readonly #waiting = new Set<Node>();
  #isStarted = false;

  constructor({ restartPolicy, ownsDatabase, onPurge }: ChangeRecoveryOptions) {
    // It uses no namespace itself, so it registers none.
    this.#restarts = new RestartDetector(new NamespacesInUse(ownsDatabase), {
      restartPolicy,
      scanCount: DEFAULTS.scanCount,
      // A store warns of it.
      commands: new OptionalCommands(noop),
      onPurge,
    });
  }

  async beforeServing(node: Node): Promise<void> {
    if (this.#isStarted) await this.#restarts.detectRestart(node);
    else this.#waiting.add(node);
  }

  /** Recovers all nodes that are connected, and from now on each node that connects. @throws DRedisError */
  async start(): Promise<void> {
    this.#isStarted = true;
    await Promise.all([...this.#waiting].map((node) => this.#restarts.detectRestart(node)));
  }

  stop(): void {
    this.#restarts.stop();
  }
}
