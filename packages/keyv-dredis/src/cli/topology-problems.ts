import { majorityOf } from '../membership/majority.js';
import { MIN_VOTERS } from '../sharding/topology.js';
import { explain } from './failures.js';
import type { Fleet, Member } from './fleet.js';
import type { Problem } from './output.js';

/** Epoch of the topology record that a node holds; 0 if it holds none, null if it does not tell. */
export function epochOf(member: Member, fleet: Fleet): number | null {
  const held = fleet.heldBy(member);
  return held instanceof Error ? null : (held?.epoch ?? 0);
}

/**
 * What is wrong with the topology record, and what to do.
 *
 * @param hasOperator whether a program that changes the topology is connected
 */
export function topologyProblems(fleet: Fleet, hasOperator: boolean): readonly Problem[] {
  const { record, members, movesBackTo } = fleet;
  const problems = members.flatMap((member) => {
    const message = member.absence === 'away' ? awayProblem(member, fleet) : recordProblem(member, fleet);
    return message === undefined ? [] : [{ node: member.node.name, message }];
  });
  if (record?.phase === 'moving' && movesBackTo === undefined && !hasOperator) {
    const message =
      `a change of the servers is not finished (epoch ${record.epoch}), and no program goes on with it, as far as the ` +
      'servers tell. To finish it: keyv-dredis resume';
    problems.push({ node: 'topology', message });
  }
  return [...problems, ...majorityProblem(fleet)];
}

function awayProblem(member: Member, fleet: Fleet): string {
  const state = 'it is away, and the other servers serve its keys';
  if (fleet.reachable.includes(member)) {
    return (
      `${state}. It answers this program, so stores bring it back within seconds. If they do not, no store reaches ` +
      'it: look at the network between them'
    );
  }
  const { name } = member.node;
  return (
    `${state}: ${explain(fleet.failureOf(member), name)}. When it answers again, stores bring it back. If it is gone ` +
    `for good: keyv-dredis remove ${name}`
  );
}

/** A node that is leaving or returning gets the newest record in a moment. */
function recordProblem(member: Member, fleet: Fleet): string | undefined {
  const { record, reachable } = fleet;
  if (record === undefined || member.absence !== undefined || !reachable.includes(member)) return undefined;
  const held = fleet.heldBy(member);
  if (held instanceof Error || held?.epoch === record.epoch) return undefined;
  const what =
    held === undefined ? 'it holds no topology record' : `it holds the record of epoch ${held.epoch}`;
  const { length: voterCount } = fleet.members.filter(({ absence }) => absence !== 'away');
  // A server that has lost its data may have missed a change that only these others know.
  const neededCount = voterCount >= MIN_VOTERS ? voterCount - majorityOf(voterCount) + 1 : 0;
  const otherCount = reachable.filter((other) => other !== member && other.absence !== 'away').length;
  return (
    `${what}, and the cache is in epoch ${record.epoch}. ` +
    (otherCount >= neededCount
      ? 'The next store that connects to it brings it up to date'
      : `Stores use it only when ${neededCount} of the other ${voterCount - 1} servers answer, and ${otherCount} can ` +
        'be reached from here. Start them. If one is gone for good: keyv-dredis remove NAME --lost')
  );
}

/** A process may use the nodes only while it reaches a majority of them. */
function majorityProblem({ snapshot: { needsLease, voters }, reachable }: Fleet): readonly Problem[] {
  if (!needsLease) return [];
  const living = new Set(reachable.map(({ node }) => node));
  for (const nodes of voters) {
    const livingCount = nodes.filter((node) => living.has(node)).length;
    const majority = majorityOf(nodes.length);
    if (livingCount >= majority) continue;
    const message =
      `only ${livingCount} of ${nodes.length} servers that vote can be reached from here, and a majority is ` +
      `${majority}: stores on this network fail all calls until they reach a majority`;
    return [{ node: 'topology', message }];
  }
  return [];
}

/** What is worth knowing, although nothing is wrong. */
export function topologyNotes({ members, movesBackTo }: Fleet): readonly Problem[] {
  const notes = members.flatMap(({ node, absence }): Problem[] => {
    const message =
      absence === 'leaving'
        ? 'it is leaving: stores decide within seconds whether the other servers serve its keys. There is nothing to do'
        : 'it is returning: stores bring it back within seconds. There is nothing to do';
    return absence === 'leaving' || absence === 'returning' ? [{ node: node.name, message }] : [];
  });
  if (movesBackTo !== undefined) {
    const message = 'its keys move back to it, as it was away. Stores do that, and there is nothing to do';
    notes.push({ node: movesBackTo, message });
  }
  if (members.length === 2) {
    const message =
      'two servers have no failover. A third server makes it possible, and it may be a witness, which has weight 0 ' +
      'and holds no keys';
    notes.push({ node: 'topology', message });
  }
  return notes;
}
