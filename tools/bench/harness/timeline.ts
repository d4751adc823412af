import type { MetricValues } from './scenario.js';

/** A figure for each second. Seconds before the event that a timeline is about are negative. */
export type Timeline = ReadonlyMap<number, number>;

/** Stores a timeline among the values of a round. Tables leave these values out. */
export function timelineValues(key: string, timeline: Timeline): MetricValues {
  return Object.fromEntries(Array.from(timeline, ([second, value]) => [`${key}@${second}`, value]));
}

/** Reads a timeline from the values of a round, in the order of the seconds. */
export function timelineOf(key: string, values: MetricValues): Timeline {
  const start = `${key}@`;
  const entries = Object.entries(values)
    .filter(([name]) => name.startsWith(start))
    .map(([name, value]) => [Number(name.slice(start.length)), value] as const);
  return new Map(entries.sort(([one], [other]) => one - other));
}
