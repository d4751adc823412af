import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Keyv } from 'keyv';
import { createClient } from 'redis';
import { DRedisStore } from '../../src/index.js';
import { sharedLocations } from '../support/servers.js';

// What is asked for first is sent first: gathering reads must not let a later write overtake them.

let store: DRedisStore;

beforeEach(async () => {
  store = new DRedisStore([...sharedLocations()], { namespace: 'order' });
  await store.setMany(['a', 'b'].map((key) => ({ key, value: 'old' })));
});

afterEach(async () => {
  await store.clear();
  await store.disconnect();
});

describe('a read sees nothing of a write that was asked for after it', () => {
  test.each<[string, () => Promise<unknown>]>([
    ['set', () => store.set('a', 'new')],
    ['setMany', () => store.setMany([{ key: 'a', value: 'new' }])],
    ['delete', () => store.delete('a')],
    ['deleteMany', () => store.deleteMany(['b', 'a'])],
    ['clear', () => store.clear()],
    ['set with an expiry', () => store.set('a', 'new', Date.now() + 60_000)],
  ])('%s', async (_name, write) => {
    const lone = store.get('a');
    const written = write();
    expect(await lone).toBe('old');
    await written;
  });

  test('nor do several, or one of many keys', async () => {
    const reads = [store.get('b'), store.get('a'), store.getMany(['a', 'b'])];
    const written = store.set('a', 'new');
    expect(await Promise.all(reads)).toEqual(['old', 'old', ['old', 'old']]);
    await written;
    const many = store.getMany(['b', 'a']);
    const deleted = store.delete('a');
    expect(await many).toEqual(['old', 'new']);
    await deleted;
  });

  test('under Keyv, where a value is taken and removed', async () => {
    const keyv = new Keyv({ store: store.withNamespace('order'), namespace: 'order' });
    await keyv.set('taken', 1);
    expect(await Promise.all([keyv.get('taken'), keyv.delete('taken')])).toEqual([1, true]);
  });
});

test('a read sees nothing of a later write, whatever another namespace asked for in between', async () => {
  const other = store.withNamespace('order-other');
  const reads = [store.get('a'), other.get('b'), store.get('b')];
  const written = store.set('a', 'new');
  expect(await Promise.all(reads)).toEqual(['old', undefined, 'old']);
  await written;
});

test('a read sees a write that was asked for before it', async () => {
  const written = store.set('a', 'new');
  expect(await store.get('a')).toBe('new');
  await written;
});

test('a write of another key sends no read early', async () => {
  const sent: string[] = [];
  const { client } = store.locate('a');
  await store.connect();
  const send = client.sendCommand.bind(client);
  client.sendCommand = ((args: string[], options: never) => {
    sent.push(args[0] as string);
    return send(args, options);
  }) as never;
  const { node } = store.locate('a');
  const [other] = Array.from({ length: 100 }, (_, index) => `other-${index}`).filter(
    (key) => store.locate(key).node === node,
  );
  await Promise.all([store.get('a'), store.set(other as string, 'x')]);
  expect(sent).toEqual(['SET', 'MGET']);
});

test('writes that wait for a connection are sent in their order, and before what comes after it is there', async () => {
  const client = createClient({ url: `redis://${sharedLocations()[0]}` });
  client.on('error', () => undefined);
  const over = new DRedisStore([client as never], { namespace: 'order' });
  try {
    const first = over.set('o', 'first');
    const second = new Promise((resolve) => {
      client.once('ready', () => resolve(over.set('o', 'second')));
    });
    await Promise.all([first, second]);
    expect(await over.get('o')).toBe('second');
  } finally {
    await over.delete('o');
    await over.disconnect();
    await client.close();
  }
});
