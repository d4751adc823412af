import type { NodeDescription } from '../config/locations.js';
import { resolveOptions } from '../config/validation.js';
import { noop } from '../connection/connection.js';
import { toRecorded } from '../membership/recorded-nodes.js';
import { NO_RECOVERY } from '../node/no-recovery.js';
import { Node } from '../node/node.js';
import { UsageError } from './exit-status.js';
import { explain, replyCodeOf } from './failures.js';
import { askForLocked } from './fleet.js';
import type { Problem } from './output.js';
import { describeServers } from './servers.js';

/** One server that is no node of the cache. If it is a node of another cache, its other nodes do not matter. */
export class SourceServer {
  readonly node: Node;
  /** As in a topology record. */
  readonly address: string;
  #failure: unknown;

  private constructor(description: NodeDescription) {
    this.node = new Node(description, resolveOptions(), { changed: noop, failed: noop }, NO_RECOVERY);
    this.address = toRecorded(description).address;
  }

  /**
   * Checks the URL of the server.
   *
   * @returns a function that connects to it, and asks for its password if it wants one
   * @throws UsageError unless the URL names one server
   */
  static parse(url: string): () => Promise<SourceServer> {
    const describe = (password?: string) => describeServers({ where: 'the URL', locations: url }, password);
    const { length } = describe();
    if (length !== 1) throw new UsageError(`the URL must name one server, got ${length}`);
    return async () => {
      const server = await SourceServer.#open(describe());
      const isLocked = replyCodeOf(server.#failure) === 'NOAUTH';
      const password = await askForLocked(server, isLocked ? [server.node.name] : []);
      if (!password) return server;
      await server.close();
      return SourceServer.#open(describe(password));
    };
  }

  static async #open([description]: readonly NodeDescription[]): Promise<SourceServer> {
    const server = new SourceServer(description as NodeDescription);
    try {
      await server.node.connect();
    } catch (error) {
      server.#failure = error;
    }
    return server;
  }

  /** Why the server cannot be used, and what to do. */
  get problems(): readonly Problem[] {
    const { name } = this.node;
    return this.#failure === undefined ? [] : [{ node: name, message: explain(this.#failure, name) }];
  }

  close(): Promise<void> {
    return this.node.close();
  }
}
