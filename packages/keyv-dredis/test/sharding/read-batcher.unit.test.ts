import { describe, expect, test } from '@jest/globals';
import { type Batch, Batcher } from '../../src/sharding/read-batcher.js';

const bad = new Error('bad');

/** A batcher that answers each key with its name, and the keys of each batch that it sent. */
function batcher(limits = { keyCount: 100, keyLength: 1000 }) {
  const sent: (readonly string[])[] = [];
  const it = new Batcher<string>(limits, (batch: Batch<string>) => {
    sent.push(batch.keys);
    batch.keys.forEach((key, place) => {
      if (key.endsWith('bad')) batch.reject(place, bad);
      else batch.resolve(place, `<${key}>`);
    });
  });
  return { it, sent, get: (key: string, prefix = '') => it.get(prefix, key) };
}

describe('reads of one turn', () => {
  test('go together, and each caller gets its own', async () => {
    const { get, sent } = batcher();
    expect(await Promise.all([get('a'), get('b'), get('c')])).toEqual(['<a>', '<b>', '<c>']);
    expect(sent).toEqual([['a', 'b', 'c']]);
  });

  test('of one key go once', async () => {
    const { get, sent } = batcher();
    const all = ['a', 'a', 'b', 'a', 'b'].map((key) => get(key));
    expect(await Promise.all(all)).toEqual(['<a>', '<a>', '<b>', '<a>', '<b>']);
    expect(sent).toEqual([['a', 'b']]);
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
    expect(sent).toEqual([['a', 'b', 'c']]);
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
    expect(sent).toEqual([['a', 'b', 'c']]);
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
    expect(sent.flat()).toHaveLength(all.length);
  });

  test('that have reached a limit leave the wait to the batch after them', async () => {
    const { get, sent } = batcher({ keyCount: 3, keyLength: 1000 });
    const all = [get('a'), get('b')];
    await new Promise((resolve) => process.nextTick(resolve));
    all.push(...['c', 'd', 'e'].map((key) => get(key)));
    expect(await Promise.all(all)).toHaveLength(5);
    expect(sent).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e'],
    ]);
  });

  test('are told apart by their prefixes', async () => {
    const { get, sent } = batcher();
    const all = [get('a', 'p:'), get('a', 'q:'), get('b', 'q:'), get('a', 'p:')];
    expect(await Promise.all(all)).toEqual(['<p:a>', '<q:a>', '<q:b>', '<p:a>']);
    expect(new Set(sent.flat())).toEqual(new Set(['p:a', 'q:a', 'q:b']));
    expect(sent).toHaveLength(1);
  });
});

describe('calls for many keys', () => {
  test('have their values in order, with what fails told once', async () => {
    const { it } = batcher();
    const { values, errors } = await it.getMany(['b', 'bad', 'a', 'b', 'very bad']);
    expect(values).toEqual(['<b>', undefined, '<a>', '<b>', undefined]);
    expect([...errors]).toEqual([bad]);
  });

  test('go together, and with reads of one key', async () => {
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

  test('of which there is one are sent before the loop goes on', async () => {
    const { it, sent } = batcher();
    const answered = it.getMany(['a', 'b', 'c']);
    expect(await new Promise((resolve) => setImmediate(() => resolve(sent.length)))).toBe(1);
    await answered;
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
    expect(sent).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    await Promise.all(all);
    expect(sent.map((keys) => keys.length)).toEqual([2, 2, 1]);
  });

  test('of one key sends every key by itself', async () => {
    const { get, sent } = batcher({ keyCount: 1, keyLength: 1000 });
    await Promise.all([get('a'), get('a')]);
    expect(sent).toEqual([['a'], ['a']]);
  });

  test('of their length counts all keys of the batch', async () => {
    const { get, sent } = batcher({ keyCount: 100, keyLength: 6 });
    await Promise.all([get('aaa'), get('aaa'), get('bbb'), get('c')]);
    expect(sent).toEqual([['aaa', 'bbb'], ['c']]);
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
