import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { groupsOf } from '../../src/sharding/call-groups.js';
import {
  DeleteCall,
  GetCall,
  HasCall,
  SetCall,
  type SingleKeyCall,
} from '../../src/sharding/single-key-calls.js';

const LONG = 'x'.repeat(2 ** 20 + 1);

const makers = {
  get: (key: string) => new GetCall(key),
  has: (key: string) => new HasCall(key),
  set: (key: string) => new SetCall(key, 'value', undefined),
  setLong: (key: string) => new SetCall(key, LONG, undefined),
  delete: (key: string) => new DeleteCall(key),
};

/** Groups calls. Each call is named by its method and key, such as `get a`. */
function group(names: readonly string[]) {
  const calls = names.map((name) => {
    const [method, key] = name.split(' ') as [keyof typeof makers, string];
    return makers[method](key);
  });
  const nameOf = new Map<SingleKeyCall, string>(calls.map((call, index) => [call, names[index] as string]));
  const groups = groupsOf(
    calls,
    calls.map(({ key }) => key),
  );
  for (const { calls: own, keys } of groups) expect(keys).toEqual(own.map(({ key }) => key));
  return { calls, groups, names: groups.map((each) => each.calls.map((call) => nameOf.get(call))) };
}

describe('calls for one node', () => {
  test('of one kind are one group', () => {
    expect(group(['set a', 'set b', 'set a']).names).toEqual([['set a', 'set b', 'set a']]);
  });

  test('of several kinds are one group each, if they are for different keys', () => {
    expect(group(['set a', 'get b', 'set c', 'delete d', 'get e']).names).toEqual([
      ['set a', 'set c'],
      ['get b', 'get e'],
      ['delete d'],
    ]);
  });

  test('do not overtake a write of the same key, nor does a write overtake them', () => {
    expect(group(['get a', 'set b', 'set a', 'get b']).names).toEqual([
      ['get a'],
      ['set b', 'set a'],
      ['get b'],
    ]);
  });

  test('may overtake other reads', () => {
    expect(group(['get a', 'has a', 'get b']).names).toEqual([['get a', 'get b'], ['has a']]);
  });

  test('with a long value are sent apart, between the calls for the same key', () => {
    expect(group(['set a', 'setLong a', 'set a', 'set b']).names).toEqual([
      ['set a'],
      ['setLong a'],
      ['set a', 'set b'],
    ]);
  });

  test('that read the same key are sent once, and end together', async () => {
    const { calls, groups } = group(['get a', 'get b', 'get a', 'get a']);
    expect(groups.map(({ keys }) => keys)).toEqual([['a', 'b']]);
    let endCount = 0;
    const listener = { ended: () => (endCount += 1), superseded: () => {} };
    const values = Promise.all(calls.map((call) => call.begin(listener)));
    for (const call of groups[0]?.calls ?? []) call.succeed(`<${call.key}>`);
    expect(await values).toEqual(['<a>', '<b>', '<a>', '<a>']);
    expect(endCount).toBe(4);
  });
});

test('of any kinds, in any order: each call is sent once, and calls for one key in their order', () => {
  const name = fc
    .tuple(fc.constantFrom('get', 'has', 'set', 'setLong', 'delete'), fc.constantFrom('a', 'b', 'c'))
    .map((parts) => parts.join(' '));
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 30 }), (names) => {
      const { calls, groups } = group(names);
      for (const { calls: own } of groups) expect(new Set(own.map(({ kind }) => kind)).size).toBe(1);
      const sent = groups.flatMap((each, position) => each.calls.map((call) => [call, position] as const));
      const positions = new Map<SingleKeyCall, number>();
      const place = (call: SingleKeyCall | undefined, position: number) => {
        if (call === undefined) return;
        expect(positions.has(call)).toBe(false);
        positions.set(call, position);
        if (call instanceof GetCall) place(call.same, position);
      };
      for (const [call, position] of sent) place(call, position);
      expect(positions.size).toBe(calls.length);
      calls.forEach((call, index) => {
        for (const later of calls.slice(index + 1)) {
          if (call.key !== later.key || !(call.kind.isWrite || later.kind.isWrite)) continue;
          const [one, other] = [positions.get(call), positions.get(later)] as [number, number];
          // In a group, calls keep their order.
          expect(one <= other).toBe(true);
          if (one === other) expect(call.kind).toBe(later.kind);
        }
      });
    }),
  );
});
