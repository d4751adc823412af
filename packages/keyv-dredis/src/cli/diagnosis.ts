import type { Member } from './fleet.js';
import { bytes, count, percent } from './numbers.js';
import type { Problem } from './output.js';

/** A server is full from this part of `maxmemory` on. */
const FULL = 0.95;

/** A node with two readings of INFO. */
export interface Readings {
  readonly member: Member;
  readonly before: ReadonlyMap<string, string>;
  readonly after: ReadonlyMap<string, string>;
  /** Time between the readings, in milliseconds. */
  readonly elapsedMs: number;
}

/** A number in INFO; undefined if there is none. */
export function infoNumber(info: ReadonlyMap<string, string>, name: string): number | undefined {
  const value = info.get(name);
  return value === undefined || Number.isNaN(Number(value)) ? undefined : Number(value);
}

/** Keys per second that the server evicts now. */
export function evictionRate({ before, after, elapsedMs }: Readings): number {
  const evicted =
    (infoNumber(after, 'evicted_keys') ?? 0) -
    (infoNumber(before, 'evicted_keys') ?? Number.POSITIVE_INFINITY);
  return evicted > 0 ? Math.ceil((evicted * 1000) / elapsedMs) : 0;
}

/** What is wrong with reachable nodes, and what to do. */
export function diagnose(readings: readonly Readings[]): readonly Problem[] {
  const servers = new Map<string, string>();
  return readings.flatMap((each) => {
    const { node, database } = each.member;
    const messages = problemsOf(each);
    const runId = each.after.get('run_id');
    const other = servers.get(`${runId}/${database}`);
    if (runId !== undefined && other !== undefined) {
      messages.push(`it is the same server and database as ${other}, so it adds nothing: remove one of them`);
    }
    servers.set(`${runId}/${database}`, node.name);
    return messages.map((message) => ({ node: node.name, message }));
  });
}

function problemsOf(readings: Readings): string[] {
  const { after } = readings;
  const messages: string[] = [];
  if (after.get('role') === 'slave') {
    messages.push('it is a replica, which refuses writes: use the location of the primary');
  }
  if (after.get('cluster_enabled') === '1') {
    messages.push('it is in cluster mode, which shards by itself: use independent servers');
  }
  const used = infoNumber(after, 'used_memory') ?? 0;
  const max = infoNumber(after, 'maxmemory') ?? 0;
  if (max > 0 && used >= FULL * max && after.get('maxmemory_policy') === 'noeviction') {
    messages.push(
      `it is full: ${percent(used / max)} of ${bytes(max)}, and then it refuses writes: raise maxmemory, set ` +
        'maxmemory-policy to allkeys-lru, or add a server',
    );
  }
  const rate = evictionRate(readings);
  if (rate > 0) {
    messages.push(
      `it evicts ${count(rate)} keys per second, as it is full: raise maxmemory, or add a server`,
    );
  }
  return messages;
}
