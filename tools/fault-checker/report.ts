import { count, heading, line, table } from '../terminal/terminal.js';
import { RULES, type Verdict, type Violation } from './check-history.js';
import { type Entry, FAULT_KINDS, type FaultKind, type History, type OperationEntry } from './history.js';

const VIOLATIONS_SHOWN = 3;
const LINES_OF_EXCERPT = 24;
/** What happened shortly before belongs to the story. */
const BEFORE_MS = 500;

/** What kept a run from proving anything: a check that cannot fail is none. */
export function shortcomings({ faults }: History, { counts }: Verdict): string[] {
  const missing = FAULT_KINDS.filter((kind) => !faults.some((fault) => fault.kind === kind));
  return [
    ...missing.map((kind) => `there was no fault of the kind ${kind}: let it run longer`),
    ...(counts.judged === 0 ? ['no read was judged'] : []),
    ...(counts.afterMissedWrite === 0 ? ['no read came after a write that its node had missed'] : []),
  ];
}

export function printReport(history: History, verdict: Verdict): void {
  const { counts, violations } = verdict;
  const columns: readonly (readonly [name: string, value: number])[] = [
    ['operations', counts.operations],
    ['reads', counts.reads],
    ['hits', counts.hits],
    ['judged', counts.judged],
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
  for (const violation of firstOfEachRule(violations)) {
    heading(`${violation.rule}: ${violation.message}`);
    // The others say it all.
    if (violation.evidence.some(({ type }) => type === 'operation')) {
      for (const text of excerpt(history, violation)) line(text);
    }
  }
}

/** The first few, but one of each rule before any second one. */
function firstOfEachRule(violations: readonly Violation[]): Violation[] {
  const firsts = RULES.flatMap((rule) => violations.find((violation) => violation.rule === rule) ?? []);
  const others = violations.filter((violation) => !firsts.includes(violation));
  return [...firsts, ...others.slice(0, Math.max(0, VIOLATIONS_SHOWN - firsts.length))];
}

/** The entries that prove a violation, marked, among what else happened to the node. */
export function excerpt(history: History, { evidence, node, from, to }: Violation): string[] {
  const since = from - BEFORE_MS;
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
    ...evidence.map((entry) => ({ at: startOf(entry), text: `> ${textOf(entry, history)}` })),
    ...surroundings.map((entry) => ({ at: startOf(entry), text: `  ${textOf(entry, history)}` })),
  ].sort((one, other) => one.at - other.at);
  const texts = lines.map(({ text }) => text);
  if (texts.length <= LINES_OF_EXCERPT) return texts;
  const left = texts.length - LINES_OF_EXCERPT;
  // The end tells most.
  return [...texts.slice(0, 2), `  (${left} more)`, ...texts.slice(left + 2)];
}

const startOf = (entry: Entry): number =>
  'invokedAt' in entry ? entry.invokedAt : 'from' in entry ? entry.from : 'at' in entry ? entry.at : 0;

function textOf(entry: Entry, { run, owners }: History): string {
  const span = (from: number, to: number) => `${time(run.startedAt, from)} - ${time(run.startedAt, to)} ms`;
  switch (entry.type) {
    case 'operation':
      return `${span(entry.invokedAt, entry.completedAt)}  ${entry.client} ${callOf(entry, owners)}`;
    case 'state':
      return `${time(run.startedAt, entry.at)} ms  ${entry.client} sees ${entry.node} ${entry.state}`;
    case 'fault':
      return `${span(entry.from, entry.to)}  nemesis: ${entry.kind} of ${entry.node}${entry.process === undefined ? '' : ` for ${entry.process}`}`;
    default:
      return JSON.stringify(entry);
  }
}

function callOf(
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
