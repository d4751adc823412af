import { count, heading, line, percent, table } from '../terminal/terminal.js';
import type { CheckResult } from './check-history.js';
import { countFailovers } from './check-topology.js';
import {
  type Entry,
  FAULT_KINDS,
  type FaultEntry,
  type FaultKind,
  type History,
  NETWORK_FAULTS,
  type OperationEntry,
  PAUSE,
  processOf,
  serverFaultsOf,
  type TopologyEntry,
} from './history.js';
import { settingsOf } from './modes.js';
import { RULES, type Violation } from './rules.js';

const MAX_EXAMPLES = 3;
const MAX_EXCERPT_LINES = 40;
/** How long before a violation the excerpt starts. */
const EXCERPT_LEAD_MS = 500;

/** Reasons why a run is inconclusive. A run without faults, or without reads to check, would always pass. */
export function coverageGaps(history: History, { counts }: CheckResult): string[] {
  const { run } = history;
  const { hasOperators, calmShare, nodeDownPolicy } = settingsOf(run.mode);
  return [
    ...faultGaps(history),
    ...(hasOperators ? changeGaps(history) : []),
    ...(nodeDownPolicy === 'failover' ? failoverGaps(history) : []),
    ...(counts.checked === 0 ? ['no read could be stale'] : []),
    ...(calmShare > 0 && counts.guarded === 0 ? ['no read could miss an entry that must be there'] : []),
  ];
}

function faultGaps({ run, faults }: History): string[] {
  // Operators need some time, so a short run with operators does not have each kind of fault.
  const needed = settingsOf(run.mode).hasOperators
    ? [PAUSE]
    : [...serverFaultsOf(run), ...NETWORK_FAULTS, PAUSE];
  return needed
    .filter((kind) => !faults.some((fault) => fault.kind === kind))
    .map((kind) => `it injected no ${kind} fault; use a longer run`);
}

function changeGaps({ changes }: History): string[] {
  const isDone = changes.some(({ outcome, epoch = 0 }) => outcome === 'done' && epoch > 0);
  const isKilled = changes.some(({ outcome }) => outcome === 'killed');
  return [
    ...(isDone ? [] : ['no change was done; use a longer run']),
    ...(isKilled ? [] : ['no change was killed; use a longer run']),
  ];
}

function failoverGaps({ topologies }: History): string[] {
  const { failovers, returns } = countFailovers(topologies);
  if (failovers === 0) return ['no node was declared away; use a longer run'];
  return returns === 0 ? ['no node that was away came back; use a longer run'] : [];
}

export function printReport(history: History, result: CheckResult): void {
  const { counts, violations } = result;
  const { run, changes, topologies } = history;
  const { hasOperators, calmShare, nodeDownPolicy } = settingsOf(run.mode);
  const { failovers, returns, objections } = countFailovers(topologies);
  const isFailover = nodeDownPolicy === 'failover';
  const columns: readonly (readonly [name: string, value: number])[] = [
    ['operations', counts.operations],
    ['reads', counts.reads],
    ['hits', counts.hits],
    ['checked', counts.checked],
    ...(calmShare > 0 ? [['must not miss', counts.guarded] as const] : []),
    ...(hasOperators
      ? [['changes', changes.filter(({ outcome }) => outcome === 'done').length] as const]
      : []),
    ...(isFailover
      ? ([
          ['failovers', failovers],
          ['returns', returns],
        ] as const)
      : []),
    ['faults', history.faults.length],
    ['violations', violations.length],
  ];
  table(
    ['mode', ...columns.map(([name]) => name)],
    [[run.mode, ...columns.map(([, value]) => count(value))]],
  );
  const epoch = Math.max(0, ...topologies.map((entry) => entry.epoch));
  if (isFailover)
    line(`failovers: ${failovers}, returns: ${returns}, objections: ${objections}; last epoch ${epoch}`);
  if (hasOperators) line(`changes: ${countsOf(changes.map(({ outcome }) => outcome))}; last epoch ${epoch}`);
  line(hitRates(counts, calmShare > 0));
  const faultsOf = (kind: FaultKind) => history.faults.filter((fault) => fault.kind === kind).length;
  line(`faults: ${FAULT_KINDS.map((kind) => `${faultsOf(kind)} ${kind}`).join(', ')}`);
  const violationsOf = (rule: string) => violations.filter((violation) => violation.rule === rule).length;
  if (violations.length > 0) {
    line(`violations: ${RULES.map((rule) => `${violationsOf(rule)} ${rule}`).join(', ')}`);
  }
  for (const { process, stderr } of history.exits) {
    if (stderr !== '') line(`stderr of ${process}: ${stderr.trim().split('\n')[0]}`);
  }
  for (const violation of examplesOf(violations)) {
    heading(`${violation.rule}: ${violation.message}`);
    // If there is no operation in the evidence, the violation's message already contains all details.
    if (violation.evidence.some(({ type }) => type === 'operation')) {
      for (const text of excerpt(history, violation)) line(text);
    }
  }
}

/** How often each name occurs. */
function countsOf(names: readonly string[]): string {
  const numbers = new Map<string, number>();
  for (const name of names) numbers.set(name, (numbers.get(name) ?? 0) + 1);
  return Array.from(numbers, ([name, number]) => `${number} ${name}`).join(', ');
}

function hitRates(
  { hits, reads, calmReads, calmMisses, comebacks }: CheckResult['counts'],
  hasCalm: boolean,
): string {
  const rate = (part: number, whole: number) => percent(part, Math.max(1, whole));
  const calm = hasCalm ? `${rate(calmReads - calmMisses, calmReads)} while only the topology changed, ` : '';
  return `hit rate: ${calm}${rate(hits, reads)} in total; values that came back while they were written: ${comebacks}`;
}

/** The first violation of each rule, then others up to the limit. */
function examplesOf(violations: readonly Violation[]): Violation[] {
  const firsts = RULES.flatMap((rule) => violations.find((violation) => violation.rule === rule) ?? []);
  const others = violations.filter((violation) => !firsts.includes(violation));
  return [...firsts, ...others.slice(0, Math.max(0, MAX_EXAMPLES - firsts.length))];
}

/** A violation's evidence, marked with `>`, together with the other events of these clients at that time. */
export function excerpt(history: History, { evidence, from, to }: Violation): string[] {
  const since = from - EXCERPT_LEAD_MS;
  const clients = new Set(evidence.flatMap((entry) => ('client' in entry ? [entry.client] : [])));
  const processes = new Set(Array.from(clients, processOf));
  const isNear = ({ client, at }: { client: string; at: number }) =>
    clients.has(client) && at >= since && at <= to;
  const faults = history.faults.filter(
    (fault) =>
      fault.from <= to && fault.to >= since && (fault.process === undefined || processes.has(fault.process)),
  );
  const changes = history.changes.filter((change) => change.from <= to && change.to >= since);
  const surroundings = [
    ...[...history.states.filter(isNear), ...faults, ...changes].map((entry) => ({
      at: startOf(entry),
      text: describe(entry, history.run),
    })),
    ...describeTopologies(history.topologies.filter(isNear), history.run),
  ].sort((one, other) => one.at - other.at);
  // The last entries explain the violation best.
  const omitted = Math.max(0, surroundings.length + evidence.length - MAX_EXCERPT_LINES);
  const lines = [
    ...evidence.map((entry) => ({ at: startOf(entry), text: `> ${describe(entry, history.run)}` })),
    ...surroundings.slice(omitted).map(({ at, text }) => ({ at, text: `  ${text}` })),
  ].sort((one, other) => one.at - other.at);
  const texts = lines.map(({ text }) => text);
  return omitted === 0 ? texts : [`  (${omitted} earlier events)`, ...texts];
}

/** One line for each epoch, with the time that each further client needed to use it. */
function describeTopologies(
  entries: readonly TopologyEntry[],
  run: History['run'],
): { at: number; text: string }[] {
  const byEpoch = new Map<number, TopologyEntry[]>();
  for (const entry of entries.toSorted((one, other) => one.at - other.at)) {
    const known = byEpoch.get(entry.epoch);
    if (known === undefined) byEpoch.set(entry.epoch, [entry]);
    else if (!known.some(({ client }) => client === entry.client)) known.push(entry);
  }
  return Array.from(byEpoch.values(), ([first, ...others]) => {
    const { at } = first as TopologyEntry;
    const later = others.map((other) => `, ${other.client} ${(other.at - at).toFixed(1)} ms later`);
    return { at, text: `${describe(first as TopologyEntry, run)}${later.join('')}` };
  });
}

const startOf = (entry: Entry): number =>
  'invokedAt' in entry ? entry.invokedAt : 'from' in entry ? entry.from : 'at' in entry ? entry.at : 0;

function describe(entry: Entry, run: History['run']): string {
  const span = (from: number, to: number) => `${time(run.startedAt, from)} - ${time(run.startedAt, to)} ms`;
  switch (entry.type) {
    case 'operation':
      return `${span(entry.invokedAt, entry.completedAt)}  ${entry.client} ${describeCall(entry)}`;
    case 'state':
      return `${time(run.startedAt, entry.at)} ms  ${entry.client} sees ${entry.node} ${entry.state}`;
    case 'fault':
      return `${span(entry.from, entry.to)}  nemesis: ${entry.kind} of ${describeTarget(entry)}`;
    case 'change': {
      const { operator, kind, target = '', outcome, epoch } = entry;
      const result = epoch === undefined ? outcome : `${outcome}, epoch ${epoch}`;
      return `${span(entry.from, entry.to)}  ${operator} ${kind} ${target}: ${result}`;
    }
    case 'topology': {
      const { client, epoch, phase, states } = entry;
      const notIn = Object.entries(states).map(([node, state]) => `, ${node} ${state}`);
      return `${time(run.startedAt, entry.at)} ms  ${client} uses epoch ${epoch}, ${phase}${notIn.join('')}`;
    }
    default:
      return JSON.stringify(entry);
  }
}

function describeTarget({ nodes, process }: FaultEntry): string {
  if (nodes.length === 0) return process ?? '';
  return process === undefined ? nodes.join(', ') : `${nodes.join(', ')} for ${process}`;
}

function describeCall({ call, action, key, value, outcome, error, failedNodes }: OperationEntry): string {
  const written = action === 'set' ? `, ${value}` : '';
  const read = action === 'read' && value !== undefined ? ` ${value}` : '';
  const failure = error === undefined ? '' : ` ${error}`;
  const failed = failedNodes === undefined ? '' : ` on ${failedNodes.join(', ')}`;
  return `${call}(${key ?? ''}${written}): ${outcome}${read}${failure}${failed}`;
}

const time = (start: number, at: number) => (at - start).toFixed(1).padStart(9);
