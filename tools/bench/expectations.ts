import { contestant, PACED_KEYS_PER_SECOND } from './contestants/index.js';
import { type Results, series } from './harness/results.js';
import { ratiosOf, type Spread, spreadOf } from './harness/statistics.js';
import type { Table } from './harness/tables.js';
import { OUTAGE_COLUMN, OUTAGES } from './scenarios/failures.js';
import { CHANGES } from './scenarios/reshard.js';

/** A metric of one contestant. */
interface Figure {
  readonly contestant: string;
  readonly metric: string;
  /** If true, the figure is from the column with a tenth of the keys. @default false */
  readonly tenth?: boolean;
}

/**
 * A figure or a ratio of two figures, and the value that it should reach. Expectations are set before a run, and
 * are not adjusted to its results.
 */
interface Expectation {
  /** What is measured. */
  readonly measure: string;
  /** The contestant that the store is compared with. */
  readonly against: string;
  readonly at: string;
  readonly scenario: string;
  readonly table?: string;
  /**
   * Columns in order of preference. The first column that the run measured is used, because a quick run has
   * only smaller cells.
   */
  readonly columns: readonly string[];
  readonly numerator: Figure;
  /** If it is left out, the numerator itself is compared. */
  readonly denominator?: Figure;
  /** Formats a value. @default a ratio */
  readonly format?: (value: number) => string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

interface Verdict {
  readonly expectation: Expectation;
  /** A ratio, or a figure. Undefined if the run did not measure it. */
  readonly ratio: Spread | undefined;
  readonly verdict: 'pass' | 'short' | 'not measured';
}

const GET_TABLE = 'GET, values of 100 bytes';

/** Maps a column to the column with a tenth of its keys. */
const TENTHS: Readonly<Record<string, string>> = {
  '1,000,000 keys': '100,000 keys',
  '100,000 keys': '10,000 keys',
};
const LARGEST = { at: 'largest namespace', columns: Object.keys(TENTHS) };

const percentage = (value: number) => `${(100 * value).toFixed(2)} %`;
const labelOf = (id: string) => contestant(id).label;

/** Expects the store's throughput to be at least `atLeast` times another contestant's throughput. */
const throughput = (
  measure: string,
  other: string,
  scenario: string,
  column: string,
  atLeast: number,
  table?: string,
): Expectation => ({
  measure,
  against: labelOf(other),
  at: column,
  scenario,
  ...(table !== undefined && { table }),
  columns: [column],
  numerator: { contestant: 'dredis', metric: 'opsPerSecond' },
  denominator: { contestant: other, metric: 'opsPerSecond' },
  atLeast,
});

const getThroughput = (other: string, expected: Readonly<Record<string, number>>) =>
  Object.entries(expected).map(([column, atLeast]) =>
    throughput('GET throughput', other, 'get', column, atLeast, GET_TABLE),
  );

/** Highest ratio of processor time per call to node-redis by hand over as many servers, by number of callers. */
const CPU_LIMITS: readonly (readonly [
  scenario: string,
  operation: string,
  limits: Readonly<Record<string, number>>,
])[] = [
  ['get', 'GET', { '1 caller': 1.1, '8 callers': 1.1, '64 callers': 0.9, '512 callers': 0.65 }],
  ['set', 'SET', { '1 caller': 1.1, '8 callers': 1.1, '64 callers': 1, '512 callers': 0.8 }],
  ['set-ttl', 'SET with TTL', { '1 caller': 1.1, '8 callers': 1.1, '64 callers': 1.1, '512 callers': 1.1 }],
  ['has', 'EXISTS', { '1 caller': 1.1, '8 callers': 1.1, '64 callers': 1.1, '512 callers': 1.1 }],
  ['delete', 'UNLINK', { '1 caller': 1.1, '8 callers': 1.1, '64 callers': 1.1, '512 callers': 1.1 }],
];

/** Expects processor time per call to be at most `atMost` times that of another contestant. */
const cpuTime = (
  measure: string,
  [ours, other]: readonly [ours: string, other: string],
  scenario: string,
  column: string,
  atMost: number,
  table?: string,
): Expectation => ({
  measure,
  against: labelOf(other),
  at: column,
  scenario,
  ...(table !== undefined && { table }),
  columns: [column],
  numerator: { contestant: ours, metric: 'cpuUs' },
  denominator: { contestant: other, metric: 'cpuUs' },
  atMost,
});

const CPU_EXPECTATIONS: readonly Expectation[] = CPU_LIMITS.flatMap(([scenario, operation, limits]) =>
  Object.entries(limits).map(([column, atMost]) => {
    const table = `${operation}, values of 100 bytes`;
    return cpuTime(`CPU time per ${operation}`, ['dredis', 'spread'], scenario, column, atMost, table);
  }),
);

/** Expects `clear()` to be at least `atLeast` times as fast as another contestant. */
const clearSpeed = (other: string, atLeast: number): Expectation => ({
  measure: 'clear speed',
  against: labelOf(other),
  ...LARGEST,
  scenario: 'clear',
  // A ratio of speeds is the inverse of the ratio of times.
  numerator: { contestant: other, metric: 'seconds' },
  denominator: { contestant: 'dredis', metric: 'seconds' },
  atLeast,
});

const EXPECTATIONS: readonly Expectation[] = [
  ...CPU_EXPECTATIONS,
  ...getThroughput('node-redis-defaults', { '64 callers': 4 }),
  ...getThroughput('spread', { '1 caller': 0.95, '8 callers': 0.95, '64 callers': 1.2, '512 callers': 2 }),
  ...getThroughput('keyv-redis', { '64 callers': 1.3, '512 callers': 2.2 }),
  throughput('getMany throughput, 8 callers', 'keyv-redis', 'get-many', '100 keys', 1),
  throughput('getMany throughput, 8 callers', 'keyv-redis-cluster', 'get-many', '100 keys', 3),
  throughput('setMany throughput, 8 callers', 'keyv-redis-cluster', 'set-many', '100 keys', 2),
  ...getThroughput('twemproxy', { '64 callers': 1.5, '512 callers': 3 }),
  cpuTime('CPU time per GET, 64 servers', ['dredis-64', 'spread-64'], 'nodes', '512 callers', 1),
  { ...clearSpeed('spread', 1 / 1.15), format: (value) => `${value.toFixed(2)} x` },
  clearSpeed('keyv-redis', 1.5),
  {
    measure: 'peak memory of clear',
    against: `${labelOf('dredis')}, a tenth of the keys`,
    ...LARGEST,
    scenario: 'clear',
    numerator: { contestant: 'dredis', metric: 'peakMb' },
    denominator: { contestant: 'dredis', metric: 'peakMb', tenth: true },
    atMost: 1.5,
  },
  {
    measure: 'p99 of GETs to healthy servers while one of four is frozen',
    against: `${labelOf('dredis')}, before the freeze`,
    at: '64 callers',
    scenario: 'frozen',
    columns: ['64 + 8 callers'],
    numerator: { contestant: 'dredis', metric: 'frozenP99Us' },
    denominator: { contestant: 'dredis', metric: 'beforeP99Us' },
    atMost: 2,
  },
];

const CHANGE_EXPECTATIONS: readonly Expectation[] = CHANGES.flatMap(({ name, label }) => {
  const at = { at: label, columns: ['64 callers'], scenario: 'reshard' };
  const ours = (metric: string): Figure => ({ contestant: 'dredis-reshard', metric });
  return [
    {
      measure: 'lowest hit rate of a second, reshard()',
      against: 'before the change',
      ...at,
      numerator: ours(`${name}.lowestHitRate`),
      format: percentage,
      atLeast: 0.999,
    },
    {
      measure: 'p99 of reads during reshard()',
      against: 'before the change',
      ...at,
      numerator: ours(`${name}.p99Ms`),
      denominator: ours('beforeP99Ms'),
      atMost: 2,
    },
  ];
});

const moverSpeed = (id: string, limits: Pick<Expectation, 'atLeast' | 'atMost'>): Expectation => ({
  measure: 'moved entries per second',
  against: labelOf(id),
  ...LARGEST,
  scenario: 'mover',
  numerator: { contestant: id, metric: 'keysPerSecond' },
  format: (value) => Math.round(value).toLocaleString('en-US'),
  ...limits,
});

const MOVER_EXPECTATIONS: readonly Expectation[] = [
  moverSpeed('dredis-reshard', { atLeast: 50_000 }),
  moverSpeed('dredis-reshard-paced', {
    atLeast: 0.95 * PACED_KEYS_PER_SECOND,
    atMost: 1.02 * PACED_KEYS_PER_SECOND,
  }),
  {
    measure: 'peak memory of reshard()',
    against: `${labelOf('dredis-reshard')}, a tenth of the keys`,
    ...LARGEST,
    scenario: 'mover',
    numerator: { contestant: 'dredis-reshard', metric: 'peakMb' },
    denominator: { contestant: 'dredis-reshard', metric: 'peakMb', tenth: true },
    atMost: 1.5,
  },
];

/** The build before the topology record, with --baseline. */
const SETTLED_EXPECTATIONS: readonly Expectation[] = ['dredis', 'dredis-resharded'].flatMap((id) =>
  ['GET, settled, values of 100 bytes', 'SET, settled, values of 100 bytes'].flatMap((table) =>
    ['1 caller', '8 callers', '64 callers', '512 callers'].map((column) => {
      const measure = `CPU time per ${table.slice(0, 3)}, ${labelOf(id)}`;
      return cpuTime(measure, [id, 'baseline'], 'settled', column, 1.05, table);
    }),
  ),
);

/** A frozen server is detected by three timeouts of 2 s, which overlap. */
const SERVED_MS: Readonly<Record<keyof typeof OUTAGES, number>> = { kill: 1_500, freeze: 4_000 };

const FAILURE_EXPECTATIONS: readonly Expectation[] = Object.entries(OUTAGES).flatMap(
  ([outage, { table }]) => {
    const at = { against: '', at: outage, scenario: 'failures', table, columns: [OUTAGE_COLUMN] };
    const ours = (metric: string): Figure => ({ contestant: 'dredis-failover', metric });
    return [
      {
        measure: `${outage} to first served call, ms`,
        ...at,
        numerator: ours('servedMs'),
        format: (value: number) => Math.round(value).toLocaleString('en-US'),
        atMost: SERVED_MS[outage as keyof typeof OUTAGES],
      },
      { measure: 'stale reads', ...at, numerator: ours('stale'), format: String, atMost: 0 },
    ];
  },
);

const ALL_EXPECTATIONS = [
  ...EXPECTATIONS,
  ...CHANGE_EXPECTATIONS,
  ...MOVER_EXPECTATIONS,
  ...SETTLED_EXPECTATIONS,
  ...FAILURE_EXPECTATIONS,
];

function verdicts(results: Results): Verdict[] {
  return ALL_EXPECTATIONS.map((expectation) => {
    const ratio = ratioOf(results, expectation);
    if (ratio === undefined) return { expectation, ratio, verdict: 'not measured' };
    const { atLeast = 0, atMost = Number.POSITIVE_INFINITY } = expectation;
    const passes = ratio.median >= atLeast && ratio.median <= atMost;
    return { expectation, ratio, verdict: passes ? 'pass' : 'short' };
  });
}

function ratioOf(
  results: Results,
  { scenario, table, columns, numerator, denominator }: Expectation,
): Spread | undefined {
  for (const column of columns) {
    const seriesOf = ({ contestant, metric, tenth }: Figure) =>
      series(results, scenario, contestant, (tenth && TENTHS[column]) || column, metric, table);
    const numerators = seriesOf(numerator);
    if (denominator === undefined) {
      // If an event did not happen in a round, the round has no time for it.
      const rounds = numerators?.map((value) => value ?? Number.POSITIVE_INFINITY);
      if (rounds !== undefined) return spreadOf(rounds);
      continue;
    }
    const denominators = seriesOf(denominator);
    if (numerators !== undefined && denominators !== undefined) return ratiosOf(numerators, denominators);
  }
  return undefined;
}

/** Returns a table of the expectations whose figures the run measured. */
export function verdictTable(results: Results): Table {
  const rows = verdicts(results).flatMap(({ expectation, ratio, verdict }) => {
    if (ratio === undefined) return [];
    const { measure, against, at, atLeast, atMost, format } = expectation;
    const withUnit = format ?? ((value: number) => `${value} x`);
    const expected = [
      ...(atLeast === undefined ? [] : [`≥ ${withUnit(atLeast)}`]),
      ...(atMost === undefined ? [] : [`≤ ${withUnit(atMost)}`]),
    ].join(', ');
    const measured = format?.(ratio.median) ?? `${ratio.median.toFixed(2)} x`;
    const figure = format ?? ((value: number) => value.toFixed(2));
    const range = `${figure(ratio.min)}–${figure(ratio.max)}`;
    return [[measure, against, at, expected, measured, range, verdict]];
  });
  const header = ['measure', 'compared with', 'at', 'expected', 'measured', 'lowest–highest', ''];
  return { title: `Expectations, Node.js ${results.machine.node}`, textColumnCount: 2, header, rows };
}
