import type { StateEntry } from './history.js';

/**
 * When a suspect node replies, the client removes the missed keys from this node. Even on a loaded machine,
 * the removal takes at most this long.
 */
const MAX_REMOVAL_MS = 250;

/** The node views of all clients over time. */
export class NodeViews {
  readonly #nodes: readonly string[];
  readonly #views = new Map<string, StateEntry[]>();

  /** @param states sorted by time */
  constructor(nodes: readonly string[], states: readonly StateEntry[]) {
    this.#nodes = nodes;
    for (const entry of states) {
      const id = viewId(entry.client, entry.node);
      const view = this.#views.get(id);
      if (view === undefined) this.#views.set(id, [entry]);
      else view.push(entry);
    }
  }

  /** Whether a client saw a node as up during the whole period, including both ends. */
  wasUp(client: string, node: string, from: number, to: number): boolean {
    const view = this.#view(client, node);
    const next = firstAfter(view, from);
    return view[next - 1]?.state === 'up' && !((view[next]?.at ?? Number.POSITIVE_INFINITY) <= to);
  }

  /**
   * Returns the first time after `after` at which a client has seen a node come up and has removed the missed
   * keys. Returns Infinity if there is no such time. A node that was down comes up after the removal. A
   * suspect node comes up before the removal, so MAX_REMOVAL_MS is added.
   */
  nextUp(client: string, node: string, after: number): number {
    const view = this.#view(client, node);
    for (let index = firstAfter(view, after); index < view.length; index += 1) {
      const { state, at } = view[index] as StateEntry;
      if (state === 'up') return view[index - 1]?.state === 'suspect' ? at + MAX_REMOVAL_MS : at;
    }
    return Number.POSITIVE_INFINITY;
  }

  /** Returns the first time, not earlier than `from`, at which the client sees all nodes as up. */
  nextAllUp(client: string, from: number): number {
    let time = from;
    while (time < Number.POSITIVE_INFINITY) {
      const notUp = this.#nodes.find((node) => !this.#isUp(client, node, time));
      if (notUp === undefined) break;
      time = Math.max(this.nextUp(client, notUp, time), time);
    }
    return time;
  }

  #isUp(client: string, node: string, at: number): boolean {
    const view = this.#view(client, node);
    return view[firstAfter(view, at) - 1]?.state === 'up';
  }

  #view(client: string, node: string): readonly StateEntry[] {
    return this.#views.get(viewId(client, node)) ?? [];
  }
}

const viewId = (client: string, node: string) => `${client} ${node}`;

/** The index of the first entry after a time. */
function firstAfter(view: readonly StateEntry[], time: number): number {
  let low = 0;
  let high = view.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((view[middle] as StateEntry).at <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}
