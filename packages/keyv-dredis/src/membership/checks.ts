import { ChangeRefusedError, CommandFailedError } from '../errors/errors.js';
import { isRefusal } from '../node/replies.js';
import { findUnmanaged, sentencesFor } from './connected-stores.js';
import { type Inspection, inspect } from './inspection.js';
import { majorityOf } from './majority.js';
import { presentOf } from './node-states.js';
import type { Operator } from './operator.js';
import { BARE_KEYS, readPrefixes } from './our-prefixes.js';
import type { PlanOptions, Target, UnmanagedConnection } from './plan.js';
import { fingerprintOf, type RecordedNode, UnusableRecordError } from './record.js';
import { isOutage } from './retry.js';

/** All nodes that a change needs. */
interface Participants {
  readonly present: readonly RecordedNode[];
  /** Nodes that are not in the cache yet. */
  readonly added: readonly RecordedNode[];
}

/**
 * Checks whether a change can start. Writes nothing.
 *
 * @returns connected stores that cannot be told, unless there are none; only if forced
 * @throws ChangeRefusedError with all reasons
 */
export async function checkChange(
  operator: Operator,
  target: readonly Target[],
  after: readonly RecordedNode[],
  { lost = new Set(), force = false }: PlanOptions,
): Promise<readonly UnmanagedConnection[]> {
  const present = operator.presentNodes.filter(({ name }) => !lost.has(name));
  const known = new Set(operator.allNodes.map(({ name }) => name));
  const participants = { present, added: after.filter(({ name }) => !known.has(name)) };
  refuseIf([
    ...(await problemsOf(operator, lost)),
    ...(await connectAdded(operator, target, participants)),
    ...majorityProblem(operator, lost),
  ]);
  refuseIf(await inspectAll(operator, participants));
  refuseIf(await prefixProblem(operator, participants));
  const unmanaged = await unmanagedOf(operator, participants, force);
  if (!force) refuseIf(sentencesFor(unmanaged));
  return unmanaged;
}

/** @throws ChangeRefusedError if there are reasons */
export function refuseIf(reasons: readonly string[]): void {
  if (reasons.length > 0) throw new ChangeRefusedError(reasons.join('; '));
}

async function problemsOf(operator: Operator, lost: ReadonlySet<string>): Promise<readonly string[]> {
  const present = new Set(operator.allNodes.map(({ name }) => name));
  const problems = operator.problems.filter(({ node }) => !lost.has(node));
  return Promise.all(
    problems.map(async ({ node, error }) => {
      const reason = await reasonFor(operator, node, error);
      if (!isOutage(error) || operator.record === undefined || !present.has(node)) return reason;
      return `${reason}. If node ${node} is gone for good, remove it as lost`;
    }),
  );
}

/** Why a node cannot be used. A server that refuses to read the record may be of the wrong kind. */
async function reasonFor(operator: Operator, name: string, error: unknown): Promise<string> {
  const { message } = error as Error;
  if (error instanceof UnusableRecordError) return `Node ${name} cannot be used: ${message}`;
  if (!(error instanceof CommandFailedError)) return message;
  const { refusal } = await inspect(operator.sendTo(name), epochOf(operator)).catch(
    (): Partial<Inspection> => ({}),
  );
  return refusal === undefined ? message : `Node ${name} ${refusal}`;
}

const epochOf = ({ record }: Operator) => record?.epoch ?? 0;

/** Connects to the new nodes. They must not belong to another cache. */
async function connectAdded(
  operator: Operator,
  target: readonly Target[],
  { added }: Participants,
): Promise<readonly string[]> {
  const names = new Set(added.map(({ name }) => name));
  const { epoch = 0, cache } = operator.record ?? {};
  const reasons = target.map(async ({ name, weight, source, secrets = [] }) => {
    if (!names.has(name) || source === undefined) return [];
    try {
      const held = await operator.connect({ name, weight, source, secrets });
      if (held === undefined || (held.cache === cache && held.epoch <= epoch)) return [];
      if (held.cache === cache) {
        return [`Node ${name} holds a newer topology record, of epoch ${held.epoch}; start again with it`];
      }
      const others = held.nodes.map((node) => node.name).join(', ');
      return [`Node ${name} holds the topology record of another cache, with the nodes ${others}`];
    } catch (error) {
      return [await reasonFor(operator, name, error)];
    }
  });
  return (await Promise.all(reasons)).flat();
}

function majorityProblem(operator: Operator, lost: ReadonlySet<string>): readonly string[] {
  const nodes = presentOf(operator.nodes);
  const livingCount = nodes.filter(({ name }) => !lost.has(name)).length;
  const majority = majorityOf(nodes.length);
  if (livingCount >= majority) return [];
  return [
    `A change needs a majority of the ${nodes.length} nodes, which is ${majority}, and only ${livingCount} are not lost. ` +
      'Start an empty server under the address of a lost node, and run the change again without declaring it lost',
  ];
}

async function inspectAll(operator: Operator, { present, added }: Participants): Promise<readonly string[]> {
  const servers = new Map<string, string>();
  const reasons: string[] = [];
  const all = [...present, ...added];
  const inspections = await Promise.all(
    all.map(({ name }) => inspect(operator.sendTo(name), epochOf(operator)).catch((error: Error) => error)),
  );
  for (const [index, { name, address, database }] of all.entries()) {
    const inspection = inspections[index];
    if (inspection === undefined || inspection instanceof Error) {
      reasons.push(inspection?.message ?? name);
      continue;
    }
    const { runId, refusal } = inspection;
    const server = `${runId ?? address}/${database}`;
    const other = servers.get(server);
    servers.set(server, name);
    if (refusal !== undefined) reasons.push(`Node ${name} ${refusal}`);
    if (other !== undefined) reasons.push(`Node ${name} is the same server as node ${other}`);
  }
  return reasons;
}

async function prefixProblem(
  operator: Operator,
  { present, added }: Participants,
): Promise<readonly string[]> {
  const reasons = [...present, ...added].map(async ({ name }) => {
    try {
      const { ignoresBareKeys } = await readPrefixes([operator.sendTo(name)], operator.options.ownsDatabase);
      return ignoresBareKeys ? ['bare'] : [];
    } catch (error) {
      const { message } = error as Error;
      return [isRefusal(error) ? `Node ${name} does not tell which namespaces use it: ${message}` : message];
    }
  });
  const found = new Set((await Promise.all(reasons)).flat());
  if (found.delete('bare')) {
    found.add(BARE_KEYS);
  }
  return [...found];
}

async function unmanagedOf(
  operator: Operator,
  { present, added }: Participants,
  force: boolean,
): Promise<readonly UnmanagedConnection[]> {
  const listed = (nodes: readonly RecordedNode[]) =>
    nodes.map(({ name, database }) => ({ name, database, send: operator.sendTo(name) }));
  const fingerprint = fingerprintOf(operator.nodes);
  try {
    const found = await Promise.all([
      // With a record, all stores follow it, whatever ring they have at the moment.
      findUnmanaged(listed(present), operator.record === undefined ? fingerprint : undefined),
      findUnmanaged(listed(added), fingerprint),
    ]);
    return found.flat();
  } catch (error) {
    if (isRefusal(error) && force) return [];
    const { message } = error as Error;
    throw new ChangeRefusedError(
      isRefusal(error)
        ? `${message}. So it is not known which stores are connected. With force, the change starts nevertheless`
        : message,
    );
  }
}
