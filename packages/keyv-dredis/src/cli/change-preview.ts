import type { Plan } from '../membership/change.js';
import { ringOf } from '../sharding/topology.js';
import type { Fleet } from './fleet.js';
import { movingKeys } from './moving-keys.js';
import { count, percent, plural } from './numbers.js';
import { readOurKeys } from './our-keys.js';
import type { Output } from './output.js';
import { countKeys, type KeyCount } from './reading.js';
import { unlessRefused } from './server-commands.js';

/** Keys that move from one node to another. */
export interface PreviewMove {
  readonly from: string;
  readonly to: string;
  /** Part of all keys. */
  readonly share: number;
  /** Estimated number of keys; null if the node cannot be asked. */
  readonly keyCount: number | null;
}

/** What a change would do. */
export interface Preview {
  readonly type: 'plan';
  readonly isDryRun: boolean;
  readonly epoch: number;
  readonly before: Plan['before'];
  readonly after: Plan['after'];
  readonly movedShare: number;
  readonly moves: readonly PreviewMove[];
  readonly unmanaged: Plan['unmanaged'];
  /** Whether an unfinished change is finished first. */
  readonly isResume: boolean;
  /** Whether there is nothing to do. */
  readonly isNoop: boolean;
}

/** Counts keys with a bounded sample. */
export async function previewOf(
  plan: Plan,
  fleet: Fleet,
  { isDryRun, ownsDatabase }: { readonly isDryRun: boolean; readonly ownsDatabase: boolean },
): Promise<Preview> {
  const counts = plan.isNoop ? new Map<string, KeyCount>() : await countAll(fleet, ownsDatabase);
  const { epoch, before, after, movement, unmanaged, isResume, isNoop } = plan;
  const shares = ringOf(before).shares();
  /** A node's keys are spread evenly, so a part of its share is the same part of its keys. */
  const part = (fraction: number, from: string) => {
    const [keys, share] = [counts.get(from), shares.get(from)];
    return keys === undefined || !share ? null : Math.round((keys.count * fraction) / share);
  };
  const { left } = movingKeys(fleet, counts);
  const moves = movement.map(({ from, to, fraction }) => {
    const unfinished = left.find((each) => each.from === from && each.to === to);
    const keyCount = isResume && unfinished !== undefined ? unfinished.keyCount : part(fraction, from);
    return { from, to, share: fraction, keyCount };
  });
  const movedShare = movement.reduce((sum, { fraction }) => sum + fraction, 0);
  return { type: 'plan', isDryRun, epoch, before, after, movedShare, moves, unmanaged, isResume, isNoop };
}

async function countAll(fleet: Fleet, ownsDatabase: boolean): Promise<ReadonlyMap<string, KeyCount>> {
  const { prefixes } = await readOurKeys(fleet, ownsDatabase);
  const counts = new Map<string, KeyCount>();
  await Promise.all(
    fleet.usable.map(async (member) => {
      try {
        const keys = await unlessRefused(countKeys(member, prefixes, fleet));
        if (keys !== undefined) counts.set(member.node.name, keys);
      } catch (error) {
        fleet.failed(member.node.name, error);
      }
    }),
  );
  return counts;
}

export function printPreview(preview: Preview, output: Output): void {
  const { epoch, before, after, movedShare, moves, unmanaged, isResume } = preview;
  if (isResume) output.line(`A change that is not finished (epoch ${epoch}) is finished first.`);
  const [from, to] = [before, after].map((nodes) => plural(nodes.length, 'server'));
  output.line(from === to ? `The cache has ${from}.` : `The cache has ${from}, and then ${to}.`);
  output.line();
  output.table(
    [
      { title: 'from', isText: true },
      { title: 'to', isText: true },
      { title: 'share of all keys' },
      { title: 'keys' },
    ],
    moves.map((move) => [
      move.from,
      move.to,
      percent(move.share),
      move.keyCount === null ? '?' : `~${count(move.keyCount)}`,
    ]),
  );
  output.line();
  const known = moves.flatMap(({ keyCount }) => keyCount ?? []);
  const total = known.reduce((sum, keyCount) => sum + keyCount, 0);
  const about = known.length < moves.length ? '' : `, about ${plural(total, 'key')}`;
  output.line(`${percent(movedShare)} of all keys get another owner${about}.`);
  if (unmanaged.length === 0) return;
  output.heading('Stores that do not follow the change');
  for (const { node, address, name } of unmanaged) output.line(`${address} ${name} (on ${node})`);
  output.line('Until these processes end, they read old values, and others do not see what they write.');
}
