import type { Results } from './harness/results.js';
import { spreadOf } from './harness/statistics.js';
import { timelineOf } from './harness/timeline.js';
import { CHANGES } from './scenarios/reshard.js';

const LINES = [
  { contestant: 'dredis-reshard', label: 'reshard()', style: 'ours' },
  { contestant: 'dredis-update-nodes', label: 'updateNodes()', style: 'other' },
] as const;

const WIDTH = 860;
const HEIGHT = 330;
const PANEL = { top: 70, bottom: 270, width: 360, gap: 50, left: 60 };
const PERCENT_STEP = 5;

/** Points of a line: seconds since the change began, and percentages. */
type Points = readonly (readonly [second: number, percent: number])[];

/**
 * Draws the hit rate in each second around both changes as SVG: median of the rounds. The picture has its own background,
 * so it is readable whether or not the page and the reader's system have the same colour scheme.
 *
 * @returns undefined if the run did not measure both contestants
 */
export function reshardPicture(results: Results): string | undefined {
  const panels = CHANGES.map(({ name, label }) => ({
    label,
    lines: LINES.flatMap(({ contestant, style }) => {
      const points = hitRates(results, contestant, name);
      return points.length === 0 ? [] : [{ style, points }];
    }),
  }));
  if (panels.some(({ lines }) => lines.length < LINES.length)) return undefined;
  const all = panels.flatMap(({ lines }) => lines.flatMap(({ points }) => points));
  const lowest = Math.floor(Math.min(...all.map(([, percent]) => percent)) / PERCENT_STEP) * PERCENT_STEP;
  const bottom = Math.min(lowest, 100 - PERCENT_STEP);
  const seconds = { first: Math.min(...all.map(([at]) => at)), last: Math.max(...all.map(([at]) => at)) + 1 };
  const drawn = panels.map(({ label, lines }, index) => {
    const left = PANEL.left + index * (PANEL.width + PANEL.gap);
    const x = (second: number) =>
      round(left + ((second - seconds.first) / (seconds.last - seconds.first)) * PANEL.width);
    const y = (percent: number) =>
      round(PANEL.bottom - ((percent - bottom) / (100 - bottom)) * (PANEL.bottom - PANEL.top));
    return [
      ...grid(bottom, y, left, index === 0),
      ...ticks(seconds, x),
      `<path class="change" d="M${x(0)} ${PANEL.top - 8}V${PANEL.bottom}"/>`,
      `<text x="${x(0) + 5}" y="${PANEL.top - 10}">${label} servers</text>`,
      ...lines.map(({ style, points }) => `<path class="line ${style}" d="${path(points, x, y)}"/>`),
    ].join('');
  });
  const legend = LINES.map(({ label, style }, index) => {
    const left = PANEL.left + index * 150;
    return `<path class="line ${style}" d="M${left} 24h26"/><text x="${left + 34}" y="28">${label}</text>`;
  });
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img">`,
    '<title>Hit rate while a fifth server is added and removed</title>',
    STYLE,
    '<rect class="page" width="100%" height="100%"/>',
    ...legend,
    ...drawn,
    `<text x="${WIDTH / 2}" y="${HEIGHT - 14}" text-anchor="middle">seconds since the change began; a stale value is no hit</text>`,
    '</svg>',
  ].join('\n')}\n`;
}

const STYLE = `<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.page { fill: #ffffff; }
.grid { stroke: #d1d9e0; }
.change { stroke: #59636e; stroke-dasharray: 3 3; }
.line { fill: none; stroke-width: 2.5; stroke-linejoin: round; }
.ours { stroke: #0969da; }
.other { stroke: #bc4c00; stroke-dasharray: 7 3; }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc; }
.page { fill: #0d1117; }
.grid { stroke: #3d444d; }
.change { stroke: #9198a1; }
.ours { stroke: #4493f8; }
.other { stroke: #f0883e; }
}
</style>`;

function hitRates({ scenarios }: Results, contestant: string, change: string): Points {
  const rounds =
    scenarios
      .find(({ scenario }) => scenario === 'reshard')
      ?.scores.find((score) => score.contestant === contestant)?.rounds ?? [];
  const bySecond = new Map<number, number[]>();
  for (const values of rounds) {
    for (const [second, hitRate] of timelineOf(`${change}.hitRate`, values)) {
      bySecond.set(second, [...(bySecond.get(second) ?? []), 100 * hitRate]);
    }
  }
  return Array.from(bySecond)
    .filter(([, rates]) => rates.length === rounds.length)
    .map(([second, rates]) => [second, spreadOf(rates).median] as const)
    .sort(([one], [other]) => one - other);
}

function grid(
  bottom: number,
  y: (percent: number) => number,
  left: number,
  hasLabels: boolean,
): readonly string[] {
  const lines: string[] = [];
  for (let percent = bottom; percent <= 100; percent += PERCENT_STEP) {
    lines.push(`<path class="grid" d="M${left} ${y(percent)}h${PANEL.width}"/>`);
    if (hasLabels) {
      lines.push(`<text x="${left - 8}" y="${y(percent) + 4}" text-anchor="end">${percent} %</text>`);
    }
  }
  return lines;
}

function ticks(
  { first, last }: { readonly first: number; readonly last: number },
  x: (second: number) => number,
): readonly string[] {
  const labels: string[] = [];
  for (let second = Math.ceil(first / 5) * 5; second <= last; second += 5) {
    labels.push(`<text x="${x(second)}" y="${PANEL.bottom + 20}" text-anchor="middle">${second}</text>`);
  }
  return labels;
}

/** Each second is a step, because its figure is about the whole second. */
function path(points: Points, x: (second: number) => number, y: (percent: number) => number): string {
  return points
    .map(
      ([second, percent], index) => `${index === 0 ? 'M' : 'L'}${x(second)} ${y(percent)}H${x(second + 1)}`,
    )
    .join('');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
