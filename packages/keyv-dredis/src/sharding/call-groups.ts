import type { CallKind } from './call-kinds.js';
import type { GetCall, SingleKeyCall } from './single-key-calls.js';

/** Calls of one kind for one node. */
export interface CallGroup {
  readonly calls: readonly SingleKeyCall[];
  /** The key of each call. */
  readonly keys: readonly string[];
}

type MutableGroup = { readonly calls: SingleKeyCall[]; readonly keys: string[] };

/**
 * Splits the calls for one node into groups, which are sent one after the other. Calls for one key are sent in
 * their order, unless all of them only read.
 *
 * @param keys the key of each call
 */
export function groupsOf(calls: readonly SingleKeyCall[], keys: readonly string[]): readonly CallGroup[] {
  const { kind } = calls[0] as SingleKeyCall;
  if (calls.length === 1) return [{ calls, keys }];
  for (const call of calls) if (call.kind !== kind || call.isApart) return groupsByKind(calls).map(distinct);
  return [distinct({ calls, keys })];
}

function groupsByKind(calls: readonly SingleKeyCall[]): readonly CallGroup[] {
  const groups: MutableGroup[] = [];
  /** Index of the last group of each kind. */
  const last = new Map<CallKind, number>();
  /** Index of the last group with a call for each key, and with a write. A later call must not be in an earlier group. */
  const lastCalls = new Map<string, number>();
  const lastWrites = new Map<string, number>();
  for (const call of calls) {
    const { key, kind, isApart } = call;
    const earliest = (kind.isWrite ? lastCalls : lastWrites).get(key) ?? 0;
    let index = isApart ? undefined : last.get(kind);
    if (index === undefined || index < earliest) {
      index = groups.push({ calls: [], keys: [] }) - 1;
      if (!isApart) last.set(kind, index);
    }
    const group = groups[index] as MutableGroup;
    group.calls.push(call);
    group.keys.push(key);
    lastCalls.set(key, Math.max(index, lastCalls.get(key) ?? 0));
    if (kind.isWrite) lastWrites.set(key, index);
  }
  return groups;
}

/** If several reads are for the same key, keeps one of them, which ends the others. */
function distinct(group: CallGroup): CallGroup {
  const { calls, keys } = group;
  if (calls.length === 1 || !(calls[0] as SingleKeyCall).kind.readsValues) return group;
  const firsts = new Map<string, GetCall>();
  let others = 0;
  for (let index = 0; index < keys.length; index += 1) {
    const key = keys[index] as string;
    const call = calls[index] as GetCall;
    const first = firsts.get(key);
    if (first === undefined) firsts.set(key, call);
    else {
      call.same = first.same;
      first.same = call;
      others += 1;
    }
  }
  return others === 0 ? group : { calls: [...firsts.values()], keys: [...firsts.keys()] };
}
