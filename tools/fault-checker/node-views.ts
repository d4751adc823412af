import type { StateEntry } from './history.js';

/** When a suspect node replies, its client removes the missed keys. On a loaded machine this takes at most so long. */
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

  /** Whether a client saw a node up all the time, both ends included. */
  wasUp(client: string, node: string, from: number, to: number): boolean {
    const view = this.#view(client, node);
    const next = firstAfter(view, from);
    return view[next - 1]?.state === 'up' && !((view[next]?.at ?? Number.POSITIVE_INFINITY) <= to);
  }

  /**
   * When a client first saw a node come up after a time, with the missed keys removed; Infinity if it never
   * did. A node that was down comes up after the removal. A suspect node comes up before it.
   */
  nextUp(client: string, node: string, after: number): number {
    const view = this.#view(client, node);
    for (let index = firstAfter(view, after); index < view.length; index += 1) {
      const { state, at } = view[index] as StateEntry;
      if (state === 'up') return view[index - 1]?.state === 'suspect' ? at + MAX_REMOVAL_MS : at;
    }
    return Number.POSITIVE_INFINITY;
  }

  /** The first time, not before the given one, at which a client sees all nodes up. */
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
