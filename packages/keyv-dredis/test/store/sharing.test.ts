import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { type AnyKeyv, entriesOf, MAJORS, type Major, makeKeyv, workbench } from '../support/keyvs.js';

const { openStore, openKeyv, errors } = workbench(6);

/** The warnings of the process while a test runs. */
let warnings: jest.SpiedFunction<typeof process.emitWarning>;

beforeEach(() => {
  warnings = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
});

afterEach(() => {
  warnings.mockRestore();
});

const codeOf = (error: unknown) => (error as { code: string }).code;

describe.each(MAJORS)('%s: one store object for two namespaces', (_title, major) => {
  let users: AnyKeyv;
  let pages: AnyKeyv;

  beforeEach(async () => {
    const store = openStore();
    users = openKeyv(major, { namespace: 'contract-users' }, store);
    await users.set('1', 'Ada');
    pages = openKeyv(major, { namespace: 'contract-pages' }, store);
    await pages.set('1', 'page');
  });

  test('is warned of once, with a code and what to do', async () => {
    pages.namespace = 'contract-users';
    pages.namespace = 'contract-pages';
    expect(warnings.mock.calls).toEqual([
      [
        expect.stringContaining('store.withNamespace(namespace)'),
        { type: 'DRedisWarning', code: 'DREDIS_SHARED_STORE' },
      ],
    ]);
  });

  test('refuses clear(), whoever calls it, and nothing is gone', async () => {
    await users.clear();
    await pages.clear();
    expect(errors.splice(0).map(codeOf)).toEqual(Array(2).fill('DREDIS_NAMESPACE_AMBIGUOUS'));
    expect(await pages.get('1')).toBe('page');
    users.namespace = 'contract-users';
    expect(await users.get('1')).toBe('Ada');
  });
});

test('Keyv 5 prefixes keys itself: what two of them read and write over one store stays apart', async () => {
  const store = openStore();
  const users = openKeyv(5, { namespace: 'contract-users' }, store);
  const pages = openKeyv(5, { namespace: 'contract-pages' }, store);
  await users.set('1', 'Ada');
  await pages.set('1', 'page');
  await users.set('2', 'Grace');
  expect(await users.getMany(['1', '2'])).toEqual(['Ada', 'Grace']);
  expect(await pages.getMany(['1', '2'])).toEqual(['page', undefined]);
  expect(await users.delete('1')).toBe(true);
  expect(await pages.has('1')).toBe(true);
});

describe.each(MAJORS)('%s: what is no sharing', (_title, major) => {
  test('one Keyv that changes its namespace', async () => {
    const keyv = openKeyv(major, { namespace: 'contract-a' });
    await keyv.set('key', 'a');
    keyv.namespace = 'contract-b';
    await keyv.set('key', 'b');
    await keyv.clear();
    expect(await keyv.get('key')).toBeUndefined();
    keyv.namespace = 'contract-a';
    expect(await keyv.get('key')).toBe('a');
    expect(warnings).not.toHaveBeenCalled();
  });

  test('two Keyvs of one namespace', async () => {
    const store = openStore();
    const one = openKeyv(major, { namespace: 'contract-same' }, store);
    const two = openKeyv(major, { namespace: 'contract-same' }, store);
    await one.set('key', 'value');
    expect(await two.get('key')).toBe('value');
    await two.clear();
    expect(await one.get('key')).toBeUndefined();
    expect(warnings).not.toHaveBeenCalled();
  });

  test('a Keyv for each fork', async () => {
    const store = openStore();
    const users = openKeyv(major, { namespace: 'contract-users' }, store.withNamespace());
    const pages = openKeyv(major, { namespace: 'contract-pages' }, store.withNamespace());
    await users.set('1', 'Ada');
    await pages.set('1', 'page');
    await users.clear();
    expect(await users.get('1')).toBeUndefined();
    expect(await entriesOf(pages)).toEqual([['1', 'page']]);
    expect(warnings).not.toHaveBeenCalled();
  });

  test('a thousand Keyvs of one namespace: no warning, and clear() works', async () => {
    const store = openStore();
    const keyvs = Array.from({ length: 1000 }, () => makeKeyv(major, store, { namespace: 'contract-many' }));
    await keyvs[0]?.set('key', 'value');
    expect(await keyvs[999]?.get('key')).toBe('value');
    await keyvs[500]?.clear();
    expect(await keyvs[0]?.get('key')).toBeUndefined();
    expect(warnings).not.toHaveBeenCalled();
  });
});

// One store object takes keys and expiries as one major hands them over. With both in front, what Keyv 5 set
// for a minute was taken to have expired in 1970: set said true, the key was gone, and nobody was told.
test.each<[string, Major, Major]>([
  ['a Keyv 5 and then a Keyv 6', 5, 6],
  ['a Keyv 6 and then a Keyv 5', 6, 5],
])('%s over one store object: warned of once, whatever their namespaces', (_title, one, other) => {
  const store = openStore();
  openKeyv(one, { namespace: undefined }, store);
  expect(warnings).not.toHaveBeenCalled();
  openKeyv(other, { namespace: undefined }, store);
  openKeyv(one, { namespace: undefined }, store);
  expect(warnings.mock.calls).toEqual([
    [
      expect.stringContaining('store.withNamespace(namespace)'),
      { type: 'DRedisWarning', code: 'DREDIS_SHARED_STORE' },
    ],
  ]);
});

test('Keyv 5 and Keyv 6 side by side on forks see the same data', async () => {
  const store = openStore();
  const five = openKeyv(5, { namespace: 'contract:both' }, store.withNamespace());
  const six = openKeyv(6, { namespace: 'contract:both' }, store.withNamespace());
  await five.set('from 5', { n: 5 }, 60_000);
  await six.set('from 6', { n: 6 }, 60_000);
  for (const keyv of [five, six]) {
    expect(await keyv.getMany(['from 5', 'from 6'])).toEqual([{ n: 5 }, { n: 6 }]);
    expect(await entriesOf(keyv)).toEqual([
      ['from 5', { n: 5 }],
      ['from 6', { n: 6 }],
    ]);
  }
  await six.clear();
  expect(await five.has('from 5')).toBe(false);
});

describe('Keyv 6 without a namespace, over a store that has that of another Keyv', () => {
  test('is warned of, and clear() is refused', async () => {
    const store = openStore();
    const users = openKeyv(6, { namespace: 'contract-users' }, store);
    await users.set('1', 'Ada');
    const nameless = openKeyv(6, {}, store);
    await nameless.clear();
    expect(errors.splice(0).map(codeOf)).toEqual(['DREDIS_NAMESPACE_AMBIGUOUS']);
    expect(warnings.mock.calls).toHaveLength(1);
    expect(await users.get('1')).toBe('Ada');
  });

  test('two of one namespace are nobody’s concern', async () => {
    const store = openStore();
    const [one, other] = [1, 2].map(() => openKeyv(6, { namespace: 'contract-users' }, store));
    await one?.set('1', 'Ada');
    await other?.clear();
    expect(await one?.get('1')).toBeUndefined();
    expect(warnings.mock.calls).toEqual([]);
  });
});
