import { type Results, series } from './harness/results.js';
import { ratiosOf, type Spread } from './harness/statistics.js';
import type { Table } from './harness/tables.js';

/** One figure of a contestant. */
interface Figure {
  readonly contestant: string;
  readonly metric: string;
  readonly column?: string;
}

/** A ratio that is expected of the store, and why it is the one to look at. */
interface Expectation {
  readonly against: string;
  readonly at: string;
  readonly scenario: string;
  readonly table?: string;
  /** Columns, the first of which the run has: a quick run has smaller ones. */
  readonly columns: readonly string[];
  readonly numerator: Figure;
  readonly denominator: Figure;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Verdict {
  readonly expectation: Expectation;
  /** Undefined where it was not measured. */
  readonly ratio: Spread | undefined;
  readonly verdict: 'pass' | 'short' | 'not measured';
}

const GET_TABLE = 'GET, values of 100 bytes';

/** How many times our calls a second are those of another. */
const throughput = (
  against: string,
  other: string,
  scenario: string,
  column: string,
  atLeast: number,
  table?: string,
): Expectation => ({
  against,
  at: column,
  scenario,
  ...(table !== undefined && { table }),
  columns: [column],
  numerator: { contestant: 'dredis', metric: 'opsPerSecond' },
  denominator: { contestant: other, metric: 'opsPerSecond' },
  atLeast,
});

const gets = (against: string, other: string, expected: Readonly<Record<string, number>>) =>
  Object.entries(expected).map(([column, atLeast]) =>
    throughput(`${against}, GET`, other, 'get', column, atLeast, GET_TABLE),
  );

/** What sharding with this store should be worth: ratios of medians. */
export const EXPECTATIONS: readonly Expectation[] = [
  ...gets('node-redis with its defaults, one server', 'node-redis-defaults', { '64 callers': 4 }),
  ...gets('node-redis with timeout: 0, spread by hand over the same four servers', 'spread', {
    '1 caller': 0.95,
    '8 callers': 0.95,
    '64 callers': 1.2,
    '512 callers': 2,
  }),
  ...gets('@keyv/redis, one server', 'keyv-redis', { '64 callers': 1.3, '512 callers': 2.2 }),
  throughput('@keyv/redis, one server, getMany, 8 callers', 'keyv-redis', 'get-many', '100 keys', 1),
  throughput(
    '@keyv/redis, cluster of four, getMany, 8 callers',
    'keyv-redis-cluster',
    'get-many',
    '100 keys',
    3,
  ),
  throughput(
    '@keyv/redis, cluster of four, setMany, 8 callers',
    'keyv-redis-cluster',
    'set-many',
    '100 keys',
    2,
  ),
  ...gets('twemproxy before the same four servers', 'twemproxy', { '64 callers': 1.5, '512 callers': 3 }),
  {
    against: 'our own store over 4 servers, CPU time per GET over 64',
    at: '512 callers',
    scenario: 'nodes',
    columns: ['512 callers'],
    numerator: { contestant: 'dredis-64', metric: 'cpuUs' },
    denominator: { contestant: 'dredis', metric: 'cpuUs' },
    atMost: 1.3,
  },
  {
    against: '@keyv/redis, one server, time for clear',
    at: 'largest namespace',
    scenario: 'clear',
    columns: ['1,000,000 keys', '100,000 keys'],
    numerator: { contestant: 'keyv-redis', metric: 'seconds' },
    denominator: { contestant: 'dredis', metric: 'seconds' },
    atLeast: 1.5,
  },
  {
    against: 'our own clear of a tenth of the keys, memory at its highest',
    at: 'largest namespace',
    scenario: 'clear',
    columns: ['1,000,000 keys', '100,000 keys'],
    numerator: { contestant: 'dredis', metric: 'peakMb' },
    denominator: { contestant: 'dredis', metric: 'peakMb', column: 'tenth' },
    atMost: 1.5,
  },
  {
    against: 'our own p99 of GETs of the other servers before one of four was frozen',
    at: '64 callers',
    scenario: 'frozen',
    columns: ['64 + 8 callers'],
    numerator: { contestant: 'dredis', metric: 'frozenP99Us' },
    denominator: { contestant: 'dredis', metric: 'beforeP99Us' },
    atMost: 2,
  },
];

const TENTHS: Readonly<Record<string, string>> = {
  '1,000,000 keys': '100,000 keys',
  '100,000 keys': '10,000 keys',
};

export function verdicts(results: Results): Verdict[] {
  return EXPECTATIONS.map((expectation) => {
    const ratio = ratioOf(results, expectation);
    if (ratio === undefined) return { expectation, ratio, verdict: 'not measured' };
    const { atLeast = 0, atMost = Number.POSITIVE_INFINITY } = expectation;
    return {
      expectation,
      ratio,
      verdict: ratio.median >= atLeast && ratio.median <= atMost ? 'pass' : 'short',
    };
  });
}

function ratioOf(
  results: Results,
  { scenario, table, columns, numerator, denominator }: Expectation,
): Spread | undefined {
  for (const column of columns) {
    const of = ({ contestant, metric, column: other }: Figure) =>
      series(
        results,
        scenario,
        contestant,
        (other === 'tenth' ? TENTHS[column] : other) ?? column,
        metric,
        table,
      );
    const [above, below] = [of(numerator), of(denominator)];
    if (above !== undefined && below !== undefined) return ratiosOf(above, below);
  }
  return undefined;
}

export function verdictTable(results: Results): Table {
  const measured = verdicts(results).filter(({ verdict }) => verdict !== 'not measured');
  const rows = measured.map(({ expectation, ratio, verdict }) => {
    const { against, at, atLeast, atMost } = expectation;
    return [
      against,
      at,
      atLeast === undefined ? `≤ ${atMost} x` : `≥ ${atLeast} x`,
      `${ratio?.median.toFixed(2)} x`,
      `${ratio?.min.toFixed(2)}–${ratio?.max.toFixed(2)}`,
      verdict,
    ];
  });
  const header = ['against', 'at', 'expected', 'measured', 'lowest–highest', ''];
  return { title: `Expected of the store, Node.js ${results.machine.node}`, header, rows };
}
