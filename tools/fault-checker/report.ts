import { count, heading, line, table } from '../terminal/terminal.js';
import { type CheckResult, RULES, type Violation } from './check-history.js';
import { type Entry, FAULT_KINDS, type FaultKind, type History, type OperationEntry } from './history.js';

const MAX_EXAMPLES = 3;
const MAX_EXCERPT_LINES = 24;
/** How long before a violation the excerpt starts. */
const EXCERPT_LEAD_MS = 500;

/** Reasons why a run is inconclusive. A run without faults, or without reads to check, would always pass. */
export function coverageGaps({ faults }: History, { counts }: CheckResult): string[] {
  const missing = FAULT_KINDS.filter((kind) => !faults.some((fault) => fault.kind === kind));
  return [
    ...missing.map((kind) => `it injected no ${kind} fault; use a longer run`),
    ...(counts.checked === 0 ? ['no read could be stale'] : []),
    ...(counts.afterMissedWrite === 0 ? ['no read came after a write that the node missed'] : []),
  ];
}

export function printReport(history: History, result: CheckResult): void {
  const { counts, violations } = result;
  const columns: readonly (readonly [name: string, value: number])[] = [
    ['operations', counts.operations],
    ['reads', counts.reads],
    ['hits', counts.hits],
    ['checked', counts.checked],
    ['after a missed write', counts.afterMissedWrite],
    ['faults', history.faults.length],
    ['violations', violations.length],
  ];
  table(
    ['mode', ...columns.map(([name]) => name)],
    [[history.run.mode, ...columns.map(([, value]) => count(value))]],
  );
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

/** The first violation of each rule, then others up to the limit. */
function examplesOf(violations: readonly Violation[]): Violation[] {
  const firsts = RULES.flatMap((rule) => violations.find((violation) => violation.rule === rule) ?? []);
  const others = violations.filter((violation) => !firsts.includes(violation));
  return [...firsts, ...others.slice(0, Math.max(0, MAX_EXAMPLES - firsts.length))];
}

/** A violation's evidence, marked with `>`, together with the node's other events at that time. */
export function excerpt(history: History, { evidence, node, from, to }: Violation): string[] {
  const since = from - EXCERPT_LEAD_MS;
  const clients = new Set(evidence.flatMap((entry) => ('client' in entry ? [entry.client] : [])));
  const processes = new Set([...clients].map((client) => client.split('.')[0]));
  const surroundings: Entry[] = [
    ...history.states.filter(
      (entry) => clients.has(entry.client) && entry.node === node && entry.at >= since && entry.at <= to,
    ),
    ...history.faults.filter(
      (fault) =>
        fault.node === node &&
        fault.from <= to &&
        fault.to >= since &&
        (fault.process === undefined || processes.has(fault.process)),
    ),
  ];
  const lines = [
    ...evidence.map((entry) => ({ at: startOf(entry), text: `> ${describe(entry, history)}` })),
    ...surroundings.map((entry) => ({ at: startOf(entry), text: `  ${describe(entry, history)}` })),
  ].sort((one, other) => one.at - other.at);
  const texts = lines.map(({ text }) => text);
  if (texts.length <= MAX_EXCERPT_LINES) return texts;
  const omitted = texts.length - MAX_EXCERPT_LINES;
  // The last entries explain the violation best.
  return [...texts.slice(0, 2), `  (${omitted} more)`, ...texts.slice(omitted + 2)];
}

const startOf = (entry: Entry): number =>
  'invokedAt' in entry ? entry.invokedAt : 'from' in entry ? entry.from : 'at' in entry ? entry.at : 0;

function describe(entry: Entry, { run, owners }: History): string {
  const span = (from: number, to: number) => `${time(run.startedAt, from)} - ${time(run.startedAt, to)} ms`;
  switch (entry.type) {
    case 'operation':
      return `${span(entry.invokedAt, entry.completedAt)}  ${entry.client} ${describeCall(entry, owners)}`;
    case 'state':
      return `${time(run.startedAt, entry.at)} ms  ${entry.client} sees ${entry.node} ${entry.state}`;
    case 'fault':
      return `${span(entry.from, entry.to)}  nemesis: ${entry.kind} of ${entry.node}${entry.process === undefined ? '' : ` for ${entry.process}`}`;
    default:
      return JSON.stringify(entry);
  }
}

function describeCall(
  { call, action, key, value, outcome, error, failedNodes }: OperationEntry,
  owners: History['owners'],
): string {
  const what = key === undefined ? '' : `${key} of ${owners[key]}`;
  const written = action === 'set' ? `, ${value}` : '';
  const read = action === 'read' && value !== undefined ? ` ${value}` : '';
  const failure = error === undefined ? '' : ` ${error}`;
  const failed = failedNodes === undefined ? '' : ` on ${failedNodes.join(', ')}`;
  return `${call}(${what}${written}): ${outcome}${read}${failure}${failed}`;
}

const time = (start: number, at: number) => (at - start).toFixed(1).padStart(9);
