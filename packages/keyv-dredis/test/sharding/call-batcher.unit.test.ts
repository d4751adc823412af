import { describe, expect, test } from '@jest/globals';
import { CallBatcher } from '../../src/sharding/call-batcher.js';
import type { CallGroup } from '../../src/sharding/call-groups.js';
import { GetManyCall } from '../../src/sharding/get-many-call.js';
import { GetCall } from '../../src/sharding/single-key-calls.js';

const bad = new Error('bad');
/** Calls that are pending before a batch collects calls. */
const BUSY = 16;

/**
 * Makes a batcher, and a list of what it sent. The value of a key is its name in brackets. Many other calls are pending.
 */
function batcher(limits = { maxKeys: 100, maxLength: 1000 }, pendingCount = BUSY) {
  const sent: (readonly string[])[] = [];
  const send = ({ keys, calls }: CallGroup) => {
    sent.push(keys);
    calls.forEach((call, index) => {
      const key = keys[index] as string;
      if (key.endsWith('bad')) call.fail(bad);
      else call.succeed(`<${key}>`);
    });
  };
  const it = new CallBatcher(limits, {
    send,
    sendOne: (call) => {
      if (!call.key.startsWith('pending')) send({ calls: [call], keys: [call.key] });
    },
    superseded: () => {},
  });
  const get = (key: string) => it.run(new GetCall(key));
  const getMany = (keys: readonly string[]) => it.runMany(new GetManyCall(keys));
  for (let index = 0; index < pendingCount; index += 1) void get(`pending ${index}`);
  return { it, sent, get, getMany };
}

describe('calls in one event loop turn, while many are pending,', () => {
  test('are sent as one batch, and each caller gets its own value', async () => {
    const { get, sent } = batcher();
    expect(await Promise.all([get('a'), get('b'), get('a')])).toEqual(['<a>', '<b>', '<a>']);
    expect(sent).toEqual([['a', 'b', 'a']]);
  });

  test('fail individually', async () => {
    const { get } = batcher();
    const outcomes = await Promise.allSettled([get('a'), get('bad'), get('b'), get('bad')]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
  });

  test('are sent as one batch even if promise jobs separate them', async () => {
    const { get, sent } = batcher();
    const late = async (key: string, jobs: number) => {
      for (let job = 0; job < jobs; job += 1) await undefined;
      return get(key);
    };
    await Promise.all([late('a', 0), late('b', 3), late('c', 10)]);
    expect(sent).toEqual([['a', 'b', 'c']]);
  });

  test('are sent before the event loop continues if there is only one call', async () => {
    const { get, sent } = batcher();
    const answered = get('a');
    const sentByThen = await new Promise((resolve) => setImmediate(() => resolve(sent.length)));
    expect(sentByThen).toBe(1);
    await answered;
  });

  test('wait for calls in the next turn as long as each turn adds some', async () => {
    const { get, sent } = batcher();
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    const all = [get('a'), get('b')];
    await turn();
    all.push(get('c'));
    await turn();
    expect(sent).toEqual([]);
    await turn();
    expect(sent).toEqual([['a', 'b', 'c']]);
    await Promise.all(all);
  });

  test('are sent after four turns even if each turn adds some', async () => {
    const { get, sent } = batcher();
    const all = [get('0'), get('1')];
    for (let key = 2; sent.length === 0; key += 1) {
      expect(key).toBeLessThan(10);
      await new Promise((resolve) => setImmediate(resolve));
      if (sent.length === 0) all.push(get(String(key)));
    }
    await Promise.all(all);
    expect(sent.flat()).toHaveLength(all.length);
  });

  test('that reach a limit do not shorten the wait of the next batch', async () => {
    const { get, sent } = batcher({ maxKeys: 3, maxLength: 1000 });
    const all = [get('a'), get('b')];
    await new Promise((resolve) => process.nextTick(resolve));
    all.push(...['c', 'd', 'e'].map((key) => get(key)));
    expect(await Promise.all(all)).toHaveLength(5);
    expect(sent).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e'],
    ]);
  });
});

test('a batch with all pending calls does not wait for another turn, because no reply can add calls to it', async () => {
  const { it, get, sent } = batcher();
  const first = get('a');
  const all = Promise.all([first, get('b')]);
  await new Promise((resolve) => process.nextTick(resolve));
  expect(sent).toEqual([]);
  // The calls in flight end, and one of their callers makes another call.
  for (let index = 0; index < BUSY; index += 1) it.ended();
  const last = get('c');
  await Promise.resolve();
  await new Promise((resolve) => process.nextTick(resolve));
  expect(sent).toEqual([['a', 'b', 'c']]);
  await Promise.all([all, last]);
});

describe('while few calls are pending,', () => {
  test('each call is sent at once', async () => {
    const { get, sent } = batcher(undefined, 0);
    const values = [get('a'), get('b')];
    expect(sent).toEqual([['a'], ['b']]);
    expect(await Promise.all(values)).toEqual(['<a>', '<b>']);
  });

  test('calls that have ended do not count', async () => {
    const { get, sent } = batcher(undefined, 0);
    for (let index = 0; index < 2 * BUSY; index += 1) await Promise.allSettled([get('a'), get('bad')]);
    void get('b');
    expect(sent.at(-1)).toEqual(['b']);
  });

  test('a multi-key read is sent at once, as one batch', async () => {
    const { getMany, sent } = batcher(undefined, BUSY - 1);
    const values = getMany(['a', 'b']);
    expect(sent).toEqual([['a', 'b']]);
    expect(await values).toEqual({ values: ['<a>', '<b>'], errors: [] });
  });

  test('a call that follows an open batch joins it, so that it does not overtake the calls in the batch', async () => {
    const { it, get, sent } = batcher(undefined, BUSY);
    const gathered = get('a');
    for (let index = 0; index < BUSY; index += 1) it.ended();
    await Promise.all([gathered, get('b')]);
    expect(sent).toEqual([['a', 'b']]);
  });
});

describe('multi-key reads', () => {
  test('return values in the order of the keys, and each error once', async () => {
    const { getMany } = batcher();
    const { values, errors } = await getMany(['b', 'bad', 'a', 'b', 'very bad']);
    expect(values).toEqual(['<b>', undefined, '<a>', '<b>', undefined]);
    expect(errors).toEqual([bad]);
  });

  test('share a batch with one another and with single reads', async () => {
    const { getMany, get, sent } = batcher();
    const answers = await Promise.all([
      getMany(['a', 'b']),
      get('c'),
      getMany(['b', 'd']),
      get('c'),
    ] as const);
    expect(answers).toMatchObject([{ values: ['<a>', '<b>'] }, '<c>', { values: ['<b>', '<d>'] }, '<c>']);
    expect(sent).toEqual([['a', 'b', 'c', 'b', 'd', 'c']]);
  });

  test('count as one call', async () => {
    const { getMany, get, sent } = batcher(undefined, 0);
    const values = getMany(Array.from({ length: 2 * BUSY }, (_, index) => `pending ${index}`));
    void get('a');
    expect(sent.at(-1)).toEqual(['a']);
    await values;
  });
});

describe("a batch's limit", () => {
  test('for the number of keys, once reached, sends the batch at once', async () => {
    const { get, sent } = batcher({ maxKeys: 2, maxLength: 1000 });
    const all = ['a', 'b', 'c', 'd', 'e'].map((key) => get(key));
    expect(sent).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    await Promise.all(all);
    expect(sent.map((keys) => keys.length)).toEqual([2, 2, 1]);
  });

  test('of one key makes the batcher send each key separately', async () => {
    const { get, sent } = batcher({ maxKeys: 1, maxLength: 1000 });
    await Promise.all([get('a'), get('a')]);
    expect(sent).toEqual([['a'], ['a']]);
  });

  test('for the length counts all keys in the batch', async () => {
    const { get, sent } = batcher({ maxKeys: 100, maxLength: 6 });
    await Promise.all([get('aaa'), get('bbb'), get('c')]);
    expect(sent).toEqual([['aaa', 'bbb'], ['c']]);
  });
});

test('flush() sends the open batch once', async () => {
  const { it, get, sent } = batcher();
  const answered = get('a');
  it.flush();
  expect(sent).toHaveLength(1);
  it.flush();
  await answered;
  expect(sent).toHaveLength(1);
});
