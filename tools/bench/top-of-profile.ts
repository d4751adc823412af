import { readFileSync } from 'node:fs';
import type { Profiler } from 'node:inspector';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Returns the functions with the highest self time in a CPU profile, as percentages of the non-idle time. */
export function topOfProfile(
  file: string,
  count: number,
): readonly (readonly [share: string, place: string])[] {
  const profile: Profiler.Profile = JSON.parse(readFileSync(file, 'utf8'));
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const times = new Map<string, number>();
  let total = 0;
  for (const [index, id] of (profile.samples ?? []).entries()) {
    const frame = nodes.get(id)?.callFrame;
    if (frame === undefined || frame.functionName === '(idle)') continue;
    const time = profile.timeDeltas?.[index] ?? 0;
    const place = placeOf(frame);
    times.set(place, (times.get(place) ?? 0) + time);
    total += time;
  }
  return [...times]
    .sort(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([place, time]) => [`${((100 * time) / total).toFixed(1)} %`, place] as const);
}

function placeOf({ functionName, url, lineNumber }: Profiler.Profile['nodes'][number]['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  const path = url.startsWith('file:') ? relative(ROOT, fileURLToPath(url)) : url;
  // The bench runs a copy of the build, so the profile has the copy's path. The original's path is shown
  // instead.
  const short = path.replace(/^.*node_modules\//, '').replace(/\.bench\/store-\d+\.js$/, 'dist/esm/index.js');
  return `${name} ${short}:${lineNumber + 1}`;
}
