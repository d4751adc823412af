import { contestant } from '../contestants/index.js';
import type { Results, ScenarioResult } from './results.js';
import type { Metric, Scenario } from './scenario.js';
import { spreadOf } from './statistics.js';

export interface Table {
  readonly title: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The tables of one scenario: for each metric and each group of cells a row per contestant. */
export function tablesOf(
  { metrics, about }: Scenario,
  { scores }: ScenarioResult,
): { about: string; tables: Table[] } {
  const groups = [...new Set(scores.map(({ cell }) => cell.table))];
  const tables = groups.flatMap((group) =>
    metrics.map((metric) => {
      const mine = scores.filter(({ cell }) => cell.table === group);
      const columns = [...new Set(mine.map(({ cell }) => cell.column))];
      const rows = [...new Set(mine.map((score) => score.contestant))].map((id) => [
        contestant(id).label,
        ...columns.map((column) => {
          const score = mine.find((one) => one.contestant === id && one.cell.column === column);
          return score === undefined
            ? ''
            : cellText(
                metric,
                score.rounds.map((numbers) => numbers[metric.key] as number),
              );
        }),
      ]);
      return { title: `${group}: ${metric.label}`, header: ['', ...columns], rows };
    }),
  );
  return { about, tables };
}

function cellText({ format }: Metric, numbers: readonly number[]): string {
  const { median, min, max } = spreadOf(numbers);
  return `${format(median)} (${format(min)}–${format(max)})`;
}

/** What the figures were taken on. */
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
      `${takenAt.slice(0, 10)}, load before ${machine.loadBefore.toFixed(1)}`,
  ];
}

export function markdown({ header, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = line(header.map((_, column) => (column === 0 ? '---' : '---:')));
  return [line(header), rule, ...rows.map(line)].join('\n');
}
