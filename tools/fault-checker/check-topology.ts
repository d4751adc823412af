/**
 * Checks the topologies that the clients have used.
 *
 * **Unfinished.** At the end, an operator cannot finish the changes, or a client has another topology than the others,
 * or a topology in which entries move.
 *
 * **Split.** Two clients have used different topologies of the same epoch. An epoch is decided once.
 */
import type { History, RecordedState, TopologyEntry } from './history.js';
import type { Violation } from './rules.js';

export function unfinished({ changes, topologies }: History): Violation[] {
  const violations: Violation[] = [];
  const last = changes.findLast(({ operator }) => operator === 'last');
  if (last !== undefined && last.outcome !== 'done') {
    const message = `an operator could not finish the changes: ${last.error}`;
    violations.push({ rule: 'unfinished', message, evidence: [last], from: last.from, to: last.to });
  }
  const final = topologies.filter(({ isFinal }) => isFinal);
  const epoch = Math.max(0, ...final.map((each) => each.epoch));
  for (const entry of final) {
    if (entry.epoch === epoch && entry.phase === 'settled') continue;
    const message = `at the end, ${entry.client} is in epoch ${entry.epoch} (${entry.phase}), and others are in ${epoch}`;
    violations.push({ rule: 'unfinished', message, evidence: [entry], from: entry.at, to: entry.at });
  }
  return violations;
}

/** Epochs that were decided twice. */
export function split({ topologies }: History): Violation[] {
  const byEpoch = new Map<number, TopologyEntry>();
  const reported = new Set<number>();
  return topologies.flatMap((entry) => {
    const { epoch } = entry;
    // In epoch 0, each client uses its own list.
    if (epoch === 0 || entry.isFinal) return [];
    const first = byEpoch.get(epoch) ?? entry;
    byEpoch.set(epoch, first);
    if (contentOf(first) === contentOf(entry) || reported.has(epoch)) return [];
    reported.add(epoch);
    const [from, to] = [Math.min(first.at, entry.at), Math.max(first.at, entry.at)];
    const message = `${first.client} and ${entry.client} use different topologies of epoch ${epoch}: ${contentOf(first)} and ${contentOf(entry)}`;
    return [{ rule: 'split', message, evidence: [first, entry], from, to } as const];
  });
}

const contentOf = ({ phase, fingerprint, nodes, states }: TopologyEntry) =>
  JSON.stringify([phase, fingerprint, nodes, Object.entries(states).sort()]);

/** What happened to the nodes, as the epochs that any client has used tell it. */
export interface Failovers {
  /** A node was declared away. */
  readonly failovers: number;
  /** A node that was away came back. */
  readonly returns: number;
  /** A node that was to leave stayed, because a process could reach it. */
  readonly objections: number;
}

export function countFailovers(topologies: readonly TopologyEntry[]): Failovers {
  const counts = { failovers: 0, returns: 0, objections: 0 };
  const byEpoch = new Map(topologies.map((entry) => [entry.epoch, entry.states]));
  const inOrder = [...byEpoch].sort(([one], [other]) => one - other);
  let before: Readonly<Record<string, RecordedState>> = {};
  /** Nodes that were away, and have not come back. */
  const away = new Set<string>();
  for (const [, states] of inOrder) {
    for (const node of new Set([...Object.keys(before), ...Object.keys(states)])) {
      if (states[node] === 'away' && !away.has(node)) {
        away.add(node);
        counts.failovers += 1;
      } else if (states[node] === undefined && away.delete(node)) {
        counts.returns += 1;
      } else if (states[node] === undefined && before[node] === 'leaving') {
        counts.objections += 1;
      }
    }
    before = states;
  }
  return counts;
}
