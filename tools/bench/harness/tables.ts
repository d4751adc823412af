import { contestant } from '../contestants/index.js';
import type { Results, ScenarioResult, Score } from './results.js';
import type { Metric, Scenario } from './scenario.js';
import { spreadOf } from './statistics.js';

export interface Table {
  readonly title: string;
  /** The number of left-aligned columns. @default 1 */
  readonly textColumnCount?: number;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Returns one table per metric and group of cells, with a row per contestant. */
export function tablesOf(
  { metrics, about, rowPerMetric }: Scenario,
  { scores }: ScenarioResult,
): { about: string; tables: Table[] } {
  const groups = [...new Set(scores.map(({ cell }) => cell.table))];
  if (rowPerMetric) return { about, tables: groups.map((group) => rowsPerMetric(group, metrics, scores)) };
  const tables = groups.flatMap((group) =>
    metrics.map((metric) => {
      const groupScores = scores.filter(({ cell }) => cell.table === group);
      const columns = [...new Set(groupScores.map(({ cell }) => cell.column))];
      const rows = [...new Set(groupScores.map((score) => score.contestant))].map((id) => [
        contestant(id).label,
        ...columns.map((column) => {
          const score = groupScores.find((one) => one.contestant === id && one.cell.column === column);
          return score === undefined ? '' : cellText(metric, score);
        }),
      ]);
      return { title: `${group}: ${metric.label}`, header: ['', ...columns], rows };
    }),
  );
  return { about, tables };
}

function rowsPerMetric(title: string, metrics: readonly Metric[], allScores: readonly Score[]): Table {
  const scores = allScores.filter(({ cell }) => cell.table === title);
  return {
    title,
    header: ['', ...scores.map((score) => contestant(score.contestant).label)],
    rows: metrics.map((metric) => [metric.label, ...scores.map((score) => cellText(metric, score))]),
  };
}

/** If an event did not happen in a round, the round has no time for it. */
function cellText({ key, format }: Metric, { rounds }: Score): string {
  const values = rounds.flatMap((round) => round[key] ?? []);
  if (values.length === 0) return 'none';
  const { median, min, max } = spreadOf(values);
  const text = `${format(median)} (${format(min)}–${format(max)})`;
  return values.length < rounds.length ? `${text}, in ${values.length} of ${rounds.length}` : text;
}

/** Describes the machine, the versions and the run. */
export function machineLines({ machine, takenAt, quick, scenarios }: Results): string[] {
  const packages = Object.entries(machine.packages).map(([name, version]) => `${name} ${version}`);
  const rounds = Math.max(
    0,
    ...scenarios.flatMap(({ scores }) => scores.map((score) => score.rounds.length)),
  );
  return [
    `${machine.cpu}, ${machine.cpuCount} cores, ${machine.memoryGb} GB, ${machine.system}, all on one machine`,
    `Node.js ${machine.node}, Redis ${machine.redis}, ${packages.join(', ')}`,
    `median (lowest–highest) of ${rounds} rounds${quick ? ', quick run' : ''}; commit ${machine.commit}, ` +
      `${takenAt.slice(0, 10)}, load before the run ${machine.loadBefore.toFixed(1)}`,
  ];
}

export function markdown({ header, rows, textColumnCount = 1 }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = line(header.map((_, column) => (column < textColumnCount ? '---' : '---:')));
  return [line(header), rule, ...rows.map(line)].join('\n');
}
