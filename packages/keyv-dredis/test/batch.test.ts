import { describe, expect, test } from '@jest/globals';
import { type Batch, Batcher } from '../src/batch.js';

interface Sent {
  readonly prefix: string;
  readonly keys: readonly string[];
}

/** A batcher that answers each key with `prefix + key`, and what it sent. */
function batcher(limits = { keyCount: 100, keyLength: 1000 }) {
  const sent: Sent[] = [];
  const it = new Batcher<string>(limits, (batch: Batch<string>) => {
    sent.push({ prefix: batch.prefix, keys: batch.keys });
    batch.keys.forEach((key, place) => {
      if (key === 'bad') batch.reject(place, new Error('bad'));
      else batch.resolve(place, batch.prefix + key);
    });
  });
  return { it, sent, get: (key: string, prefix = 'p:') => it.get(prefix, key) };
}

describe('reads of one turn', () => {
  test('go together, and each caller gets its own', async () => {
    const { get, sent } = batcher();
    expect(await Promise.all([get('a'), get('b'), get('c')])).toEqual(['p:a', 'p:b', 'p:c']);
    expect(sent).toEqual([{ prefix: 'p:', keys: ['a', 'b', 'c'] }]);
  });

  test('of one key go once', async () => {
    const { get, sent } = batcher();
    const all = ['a', 'a', 'b', 'a', 'b'].map((key) => get(key));
    expect(await Promise.all(all)).toEqual(['p:a', 'p:a', 'p:b', 'p:a', 'p:b']);
    expect(sent).toEqual([{ prefix: 'p:', keys: ['a', 'b'] }]);
  });

  test('that fail do so alone, for everybody who asked', async () => {
    const { get } = batcher();
    const outcomes = await Promise.allSettled([get('a'), get('bad'), get('b'), get('bad')]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
  });

  test('that follow each other through promises still go together', async () => {
    const { get, sent } = batcher();
    const late = async (key: string, jobs: number) => {
      for (let job = 0; job < jobs; job += 1) await undefined;
      return get(key);
    };
    await Promise.all([late('a', 0), late('b', 3), late('c', 10)]);
    expect(sent).toEqual([{ prefix: 'p:', keys: ['a', 'b', 'c'] }]);
  });

  test('are sent before the loop goes on', async () => {
    const { get, sent } = batcher();
    const answered = get('a');
    const sentByThen = await new Promise((resolve) => setImmediate(() => resolve(sent.length)));
    expect(sentByThen).toBe(1);
    await answered;
  });

  test('wait for those of the turns after, as long as each turn brings some', async () => {
    const { get, sent } = batcher();
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    const all = [get('a'), get('b')];
    await turn();
    all.push(get('c'));
    await turn();
    expect(sent).toEqual([]);
    await turn();
    expect(sent).toEqual([{ prefix: 'p:', keys: ['a', 'b', 'c'] }]);
    await Promise.all(all);
  });

  test('do not wait for ever, whatever comes', async () => {
    const { get, sent } = batcher();
    const all = [get('0'), get('1')];
    for (let key = 2; sent.length === 0; key += 1) {
      expect(key).toBeLessThan(10);
      await new Promise((resolve) => setImmediate(resolve));
      if (sent.length === 0) all.push(get(String(key)));
    }
    await Promise.all(all);
    expect(sent.flatMap(({ keys }) => keys)).toHaveLength(all.length);
  });

  test('that have reached a limit leave the wait to the batch after them', async () => {
    const { get, sent } = batcher({ keyCount: 3, keyLength: 1000 });
    const all = [get('a'), get('b')];
    await new Promise((resolve) => process.nextTick(resolve));
    all.push(...['c', 'd', 'e'].map((key) => get(key)));
    expect(await Promise.all(all)).toHaveLength(5);
    expect(sent.map(({ keys }) => keys)).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e'],
    ]);
  });

  test('with another prefix go apart', async () => {
    const { get, sent } = batcher();
    expect(await Promise.all([get('a', 'p:'), get('a', 'q:'), get('b', 'q:')])).toEqual([
      'p:a',
      'q:a',
      'q:b',
    ]);
    expect(sent).toEqual([
      { prefix: 'p:', keys: ['a'] },
      { prefix: 'q:', keys: ['a', 'b'] },
    ]);
  });
});

test('the next turn is another batch', async () => {
  const { get, sent } = batcher();
  await get('a');
  await get('a');
  expect(sent).toHaveLength(2);
});

describe('a limit', () => {
  test('of keys sends at once what it allows', async () => {
    const { get, sent } = batcher({ keyCount: 2, keyLength: 1000 });
    const all = ['a', 'b', 'c', 'd', 'e'].map((key) => get(key));
    expect(sent.map(({ keys }) => keys)).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    await Promise.all(all);
    expect(sent.map(({ keys }) => keys.length)).toEqual([2, 2, 1]);
  });

  test('of one key sends every key by itself', async () => {
    const { get, sent } = batcher({ keyCount: 1, keyLength: 1000 });
    await Promise.all([get('a'), get('a')]);
    expect(sent.map(({ keys }) => keys)).toEqual([['a'], ['a']]);
  });

  test('of their length counts all keys of the batch', async () => {
    const { get, sent } = batcher({ keyCount: 100, keyLength: 6 });
    await Promise.all([get('aaa'), get('aaa'), get('bbb'), get('c')]);
    expect(sent.map(({ keys }) => keys)).toEqual([['aaa', 'bbb'], ['c']]);
  });
});

test('flush() sends what waits, once', async () => {
  const { it, get, sent } = batcher();
  const answered = get('a');
  it.flush();
  expect(sent).toHaveLength(1);
  it.flush();
  await answered;
  expect(sent).toHaveLength(1);
});
