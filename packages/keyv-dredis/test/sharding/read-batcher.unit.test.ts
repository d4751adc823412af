import { describe, expect, test } from '@jest/globals';
import { type Batch, ReadBatcher } from '../../src/sharding/read-batcher.js';

const bad = new Error('bad');

/** Makes a batcher that resolves each key to its name, and a list of the batches that it sent. */
function batcher(limits = { maxKeys: 100, maxLength: 1000 }) {
  const sent: (readonly string[])[] = [];
  const it = new ReadBatcher<string>(limits, (batch: Batch<string>) => {
    sent.push(batch.keys);
    batch.keys.forEach((key, index) => {
      if (key.endsWith('bad')) batch.reject(index, bad);
      else batch.resolve(index, `<${key}>`);
    });
  });
  return { it, sent, get: (key: string) => it.get(key) };
}

describe('reads in one event loop turn', () => {
  test('are sent as one batch, and each caller gets its own value', async () => {
    const { get, sent } = batcher();
    expect(await Promise.all([get('a'), get('b'), get('c')])).toEqual(['<a>', '<b>', '<c>']);
    expect(sent).toEqual([['a', 'b', 'c']]);
  });

  test('of the same key appear once in the batch', async () => {
    const { get, sent } = batcher();
    const all = ['a', 'a', 'b', 'a', 'b'].map((key) => get(key));
    expect(await Promise.all(all)).toEqual(['<a>', '<a>', '<b>', '<a>', '<b>']);
    expect(sent).toEqual([['a', 'b']]);
  });

  test('fail individually, for every caller that reads the key', async () => {
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

  test('are sent before the event loop continues if there is only one read', async () => {
    const { get, sent } = batcher();
    const answered = get('a');
    const sentByThen = await new Promise((resolve) => setImmediate(() => resolve(sent.length)));
    expect(sentByThen).toBe(1);
    await answered;
  });

  test('wait for reads in the next turn as long as each turn adds some', async () => {
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

describe('multi-key reads', () => {
  test('return values in the order of the keys, and each error once', async () => {
    const { it } = batcher();
    const { values, errors } = await it.getMany(['b', 'bad', 'a', 'b', 'very bad']);
    expect(values).toEqual(['<b>', undefined, '<a>', '<b>', undefined]);
    expect([...errors]).toEqual([bad]);
  });

  test('share a batch with one another and with single reads', async () => {
    const { it, get, sent } = batcher();
    const answers = await Promise.all([
      it.getMany(['a', 'b']),
      get('c'),
      it.getMany(['b', 'd']),
      get('c'),
    ] as const);
    expect(answers).toMatchObject([{ values: ['<a>', '<b>'] }, '<c>', { values: ['<b>', '<d>'] }, '<c>']);
    expect(sent).toEqual([['a', 'b', 'c', 'b', 'd']]);
  });

  test('are sent before the event loop continues if there is only one read', async () => {
    const { it, sent } = batcher();
    const answered = it.getMany(['a', 'b', 'c']);
    expect(await new Promise((resolve) => setImmediate(() => resolve(sent.length)))).toBe(1);
    await answered;
  });
});

test('reads in the next event loop turn are another batch', async () => {
  const { get, sent } = batcher();
  await get('a');
  await get('a');
  expect(sent).toHaveLength(2);
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
    await Promise.all([get('aaa'), get('aaa'), get('bbb'), get('c')]);
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

describe('flushBefore()', () => {
  test('sends a batch that contains the written key', async () => {
    const { it, get, sent } = batcher();
    const value = get('a');
    it.flushBefore('a');
    expect(sent).toEqual([['a']]);
    await value;
  });

  test('does not send a batch that contains only other keys', async () => {
    const { it, get, sent } = batcher();
    const value = get('a');
    it.flushBefore('b');
    expect(sent).toEqual([]);
    await value;
  });

  test('sends a batch with a multi-key read, whose keys are not indexed', async () => {
    const { it, sent } = batcher();
    const values = it.getMany(['a', 'b']);
    it.flushBefore('c');
    expect(sent).toEqual([['a', 'b']]);
    await values;
  });
});
