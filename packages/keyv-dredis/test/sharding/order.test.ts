import { beforeEach, describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import type { DRedisStore } from '../../src/index.js';
import {
  onCleanUp,
  openKeyv,
  openStore,
  openStoreOver,
  recordCommands,
  sharedLocations,
  useSharedDatabase,
} from '../support/index.js';

// Reads wait until the end of the tick to be sent as a batch. A later write must not overtake them.

let store: DRedisStore;

beforeEach(async () => {
  store = openStore({ namespace: 'app' });
  await store.setMany(['a', 'b'].map((key) => ({ key, value: 'old' })));
});

describe('a read does not see the effect of a later call in the same tick:', () => {
  test.each<[string, () => Promise<unknown>]>([
    ['set', () => store.set('a', 'new')],
    ['setMany', () => store.setMany([{ key: 'a', value: 'new' }])],
    ['delete', () => store.delete('a')],
    ['deleteMany', () => store.deleteMany(['b', 'a'])],
    ['clear', () => store.clear()],
    ['set with an expiry', () => store.set('a', 'new', Date.now() + 60_000)],
  ])('get() before %s', async (_name, write) => {
    const read = store.get('a');
    const written = write();
    expect(await read).toBe('old');
    await written;
  });

  test('several get() calls and getMany() before set()', async () => {
    const reads = [store.get('b'), store.get('a'), store.getMany(['a', 'b'])];
    const written = store.set('a', 'new');
    expect(await Promise.all(reads)).toEqual(['old', 'old', ['old', 'old']]);
    await written;
    const many = store.getMany(['b', 'a']);
    const deleted = store.delete('a');
    expect(await many).toEqual(['old', 'new']);
    await deleted;
  });

  test('get() before delete() under Keyv', async () => {
    const keyv = openKeyv(6, { namespace: 'app' }, store.withNamespace('app'));
    await keyv.set('taken', 1);
    expect(await Promise.all([keyv.get('taken'), keyv.delete('taken')])).toEqual([1, true]);
  });
});

test('a get() does not see a later set(), even with calls in another namespace in between', async () => {
  const other = store.withNamespace('app-other');
  const reads = [store.get('a'), other.get('b'), store.get('b')];
  const written = store.set('a', 'new');
  expect(await Promise.all(reads)).toEqual(['old', undefined, 'old']);
  await written;
});

test('a get() sees an earlier set() in the same tick', async () => {
  const written = store.set('a', 'new');
  expect(await store.get('a')).toBe('new');
  await written;
});

test('a set() of another key does not make waiting reads go out early', async () => {
  const { client, node } = store.locate('a');
  await store.connect();
  const sent = recordCommands(client);
  const [other] = Array.from({ length: 100 }, (_, index) => `other-${index}`).filter(
    (key) => store.locate(key).node === node,
  );
  await Promise.all([store.get('a'), store.set(other as string, 'x')]);
  expect(sent.map(([command]) => command)).toEqual(['SET', 'MGET']);
});

test('writes that wait for a connection are sent in order, before writes made once it is ready', async () => {
  const client = createClient({ url: `redis://${sharedLocations()[0]}`, database: useSharedDatabase() });
  client.on('error', () => undefined);
  onCleanUp(() => client.close());
  const external = openStoreOver([client as never], { namespace: 'app' });
  const first = external.set('key', 'first');
  const second = new Promise((resolve) => {
    client.once('ready', () => resolve(external.set('key', 'second')));
  });
  await Promise.all([first, second]);
  expect(await external.get('key')).toBe('second');
});
