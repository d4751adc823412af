import type { NodeState, StateEntry } from './history.js';

/** What was missed while a node was suspect is sent when it answers; a loaded machine may take its time. */
const CATCHES_UP_WITHIN_MS = 250;

/** How the clients saw the nodes at any time: each has a view of its own. */
export class NodeViews {
  readonly #nodes: readonly string[];
  readonly #views = new Map<string, StateEntry[]>();

  /** @param states in the order of time */
  constructor(nodes: readonly string[], states: readonly StateEntry[]) {
    this.#nodes = nodes;
    for (const entry of states) {
      const view = this.#views.get(idOf(entry.client, entry.node));
      if (view === undefined) this.#views.set(idOf(entry.client, entry.node), [entry]);
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
   * When all was well between a node and a client for the first time after a moment; Infinity when it never
   * was. A node that was away is up once all is well; of one that was suspect, it is made good from then on.
   */
  nextUp(client: string, node: string, after: number): number {
    const view = this.#view(client, node);
    for (let index = firstAfter(view, after); index < view.length; index += 1) {
      const { state, at } = view[index] as StateEntry;
      if (state === 'up') return view[index - 1]?.state === 'suspect' ? at + CATCHES_UP_WITHIN_MS : at;
    }
    return Number.POSITIVE_INFINITY;
  }

  /** The first moment, not before the given one, at which a client sees all nodes up. */
  nextAllUp(client: string, from: number): number {
    let moment = from;
    while (moment < Number.POSITIVE_INFINITY) {
      const away = this.#nodes.find((node) => !this.#isUp(client, node, moment));
      if (away === undefined) break;
      moment = Math.max(this.nextUp(client, away, moment), moment);
    }
    return moment;
  }

  #isUp(client: string, node: string, at: number): boolean {
    const view = this.#view(client, node);
    return (view[firstAfter(view, at) - 1]?.state as NodeState | undefined) === 'up';
  }

  #view(client: string, node: string): readonly StateEntry[] {
    return this.#views.get(idOf(client, node)) ?? [];
  }
}

const idOf = (client: string, node: string) => `${client} ${node}`;

/** The index of the first entry after a moment. */
function firstAfter(view: readonly StateEntry[], moment: number): number {
  let low = 0;
  let high = view.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((view[middle] as StateEntry).at <= moment) low = middle + 1;
    else high = middle;
  }
  return low;
}
