import type { Node } from '../node/node.js';
import { ownerOf, type Snapshot, sourceOf } from './topology.js';

/**
 * The nodes to which a write was sent. If it starts over, it may have stored values on nodes that do not own the keys
 * any more. A later change could make such a node the owner again, and the values would come back, so they are removed
 * before the write succeeds.
 */
export class Strays {
  readonly #nodes = new Set<Node>();

  /** The write is sent to a node. */
  add(node: Node): void {
    this.#nodes.add(node);
  }

  /** Removes the values from nodes that do not own the keys. A node that left the topology is swept when it returns. */
  async remove(keys: readonly string[], snapshot: Snapshot): Promise<void> {
    await Promise.all(
      Array.from(this.#nodes, async (node) => {
        // A node that is absent is swept before it serves again.
        if (!snapshot.allNodes.includes(node) || snapshot.absences.has(node)) return;
        const strays = keys.filter((key) => {
          const owner = ownerOf(key, snapshot);
          return owner !== node && sourceOf(key, owner, snapshot) !== node;
        });
        if (strays.length > 0) await node.run((commands) => commands.unlink(strays), snapshot.writes);
      }),
    );
  }
}
