import { MAX_WEIGHT } from '../config/location-options.js';
import { ChangeRefusedError } from '../errors/errors.js';
import { timers } from '../timers.js';
import { ChangeRun } from './change-run.js';
import { checkChange, refuseIf } from './checks.js';
import { isSameNodes, movementOf } from './node-lists.js';
import { isPassing, namesIn } from './node-states.js';
import type { Operator } from './operator.js';
import { sleep } from './pace.js';
import type { Plan, PlanOptions, Target } from './plan.js';
import type { RecordedNode } from './record.js';
import { toRecorded } from './recorded-nodes.js';

export type * from './plan.js';

/**
 * Checks whether the cache can change to other nodes. Writes nothing.
 *
 * @throws ChangeRefusedError with all reasons
 */
export async function planChange(
  operator: Operator,
  target: readonly Target[],
  options: PlanOptions = {},
): Promise<Plan> {
  const { lost = new Set<string>() } = options;
  await untilStable(operator);
  const { record, nodes } = operator;
  refuseIf([...targetProblems(operator, target), ...lostProblems(operator, target, lost)]);
  const after = recordedTargets(operator, target);
  const isSame = isSameNodes(nodes, after);
  const isResume = record?.phase === 'moving' || operator.outdated.length > 0;
  const before = isSame && record?.previous !== undefined ? record.previous : nodes;
  const unmanaged = await checkChange(operator, target, after, options);
  return {
    epoch: record?.epoch ?? 0,
    before,
    after,
    movement: movementOf(before, after),
    unmanaged,
    isResume,
    isNoop: isSame && !isResume,
    run: (runOptions = {}) => new ChangeRun(operator, { record, before, after, lost }, runOptions).run(),
  };
}

/**
 * Checks whether an unfinished change can be finished. Writes nothing.
 *
 * @returns undefined if no change is unfinished
 * @throws ChangeRefusedError with all reasons
 */
export async function resumeChange(operator: Operator, options: PlanOptions = {}): Promise<Plan | undefined> {
  await untilStable(operator);
  const { record, nodes, outdated } = operator;
  if (record?.phase !== 'moving' && outdated.length === 0) {
    // Whether a change is unfinished is only known if some node answers.
    const living = nodes.filter(({ name }) => !operator.problems.some(({ node }) => node === name));
    if (living.length > 0) return undefined;
    throw new ChangeRefusedError(operator.problems.map(({ error }) => error.message).join('; '));
  }
  const { lost = new Set<string>() } = options;
  return planChange(
    operator,
    nodes.filter(({ name }) => !lost.has(name)),
    options,
  );
}

/** How long to wait until stores have finished what they do by themselves, in milliseconds. */
const STABLE_MS = 15_000;

const STABLE_POLL_MS = 100;

/**
 * Waits until no node is leaving or returning.
 *
 * @throws ChangeRefusedError if that takes too long
 */
async function untilStable(operator: Operator): Promise<void> {
  const endsAt = timers.now() + STABLE_MS;
  while (operator.record !== undefined && isPassing(operator.record)) {
    if (timers.now() >= endsAt) {
      const { record } = operator;
      const names = [...namesIn(record, 'leaving'), ...namesIn(record, 'returning')].join(', ');
      throw new ChangeRefusedError(
        names === ''
          ? 'Keys are moving back to a node that was away. Try again when that is over'
          : `Stores have not decided yet whether these nodes are in service: ${names}. Try again in a few seconds`,
      );
    }
    await sleep(STABLE_POLL_MS);
    await operator.refresh();
  }
}

function targetProblems(operator: Operator, target: readonly Target[]): readonly string[] {
  const problems: string[] = [];
  const present = new Map(operator.allNodes.map((node) => [node.name, node]));
  const names = new Set<string>();
  if (!target.some(({ name, weight }) => weight > 0 && present.get(name)?.state !== 'away')) {
    problems.push(
      target.length === 0
        ? 'The last node cannot be removed. Add another node first'
        : 'At least one node must have a weight above 0, and must not be away',
    );
  }
  for (const { name, weight, source } of target) {
    if (names.has(name)) problems.push(`Two nodes have the name ${name}`);
    names.add(name);
    if (typeof weight !== 'number' || !(weight >= 0 && weight <= MAX_WEIGHT)) {
      problems.push(`The weight of node ${name} must be from 0 to ${MAX_WEIGHT}, got ${weight}`);
    }
    if (source === undefined && !present.has(name)) {
      problems.push(`Node ${name} is not in the cache, whose nodes are ${[...present.keys()].join(', ')}`);
    }
  }
  return [...problems, ...target.flatMap((node) => addressProblem(operator, node))];
}

/** A node keeps its server. */
function addressProblem(
  operator: Operator,
  { name, weight, source, secrets = [] }: Target,
): readonly string[] {
  const recorded = operator.allNodes.find((node) => node.name === name);
  if (recorded === undefined || source === undefined) return [];
  const wanted = toRecorded({ name, weight, source, secrets });
  if (wanted.database !== recorded.database) {
    return [
      `Node ${name} has database ${recorded.database} and cannot change to database ${wanted.database}`,
    ];
  }
  const known = [recorded.address, operator.addressOf(name)?.address];
  if (known.includes(wanted.address)) return [];
  return [
    `Node ${name} is at ${recorded.address} and cannot change to ${wanted.address}. To replace a server, add the new ` +
      'one under another name, and remove the old one',
  ];
}

function lostProblems(
  operator: Operator,
  target: readonly Target[],
  lost: ReadonlySet<string>,
): readonly string[] {
  if (lost.size === 0) return [];
  const present = new Map(operator.allNodes.map((node) => [node.name, node]));
  const unknown = [...lost].filter((name) => !present.has(name));
  if (unknown.length > 0) {
    return [`Not in the cache: ${unknown.join(', ')}. Its nodes are ${[...present.keys()].join(', ')}`];
  }
  const rest = operator.nodes.filter(({ name }) => !lost.has(name));
  const isOnlyLoss =
    rest.length === target.length &&
    rest.every(({ name, weight }) => target.some((node) => node.name === name && node.weight === weight));
  return isOnlyLoss
    ? []
    : ['Remove lost nodes in a change of its own, which leaves out the lost nodes and changes nothing else'];
}

/** The nodes as the record will have them. Present nodes first, in their order. */
function recordedTargets(operator: Operator, target: readonly Target[]): readonly RecordedNode[] {
  const present = new Map(operator.allNodes.map((node) => [node.name, node]));
  return target.map(({ name, weight, source, secrets = [] }) => {
    const recorded = present.get(name);
    // The nodes that would hold the logs of a node that is away change, so it has none any more.
    const state = recorded?.state === undefined ? {} : { state: recorded.state };
    if (source !== undefined) return { ...toRecorded({ name, weight, source, secrets }), ...state };
    const { address, database } = recorded as RecordedNode;
    return { name, address, database, weight, ...state };
  });
}
