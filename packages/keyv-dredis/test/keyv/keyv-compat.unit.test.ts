import { describe, expect, test } from '@jest/globals';
import { CAPABILITIES, Contract } from '../../src/keyv/keyv-compat.js';

const contract = (
  options: { namespace?: string; keyFormat?: 'default' | 'raw'; useKeyPrefix?: boolean } = {},
) => new Contract({ keyFormat: 'default', ...options });

/** What Keyv 5.6 does in its constructor, in this order. */
function keyv5Takes(it: Contract, namespace: string | undefined = 'keyv'): void {
  it.errorListenerAdded();
  it.assignNamespace(namespace);
  it.optsRead();
}

/** What Keyv 6.1 does in its constructor, in this order. */
function keyv6Takes(it: Contract, namespace?: string): void {
  it.capabilitiesRead();
  it.errorListenerAdded();
  if (namespace !== undefined) it.assignNamespace(namespace);
}

const nextJob = () => new Promise((resolve) => setImmediate(resolve));

describe('who is in front', () => {
  test('nobody: the contract of Keyv 6', () => {
    expect(contract().version).toBe(6);
  });

  test('a Keyv 5', () => {
    const it = contract();
    keyv5Takes(it);
    expect(it.version).toBe(5);
  });

  test('a Keyv 6', () => {
    const it = contract();
    keyv6Takes(it, 'users');
    expect(it.version).toBe(6);
  });

  test('a Keyv 6 after a Keyv 5, and the other way round: the last one', () => {
    const it = contract();
    keyv5Takes(it);
    keyv6Takes(it);
    expect(it.version).toBe(6);
    keyv5Takes(it);
    expect(it.version).toBe(5);
  });

  test('a Keyv 5, in the same go as a listener of the user’s', () => {
    const it = contract();
    it.errorListenerAdded();
    keyv5Takes(it);
    expect(it.version).toBe(5);
  });

  test('a Keyv 6, in the same go as a listener of the user’s', () => {
    const it = contract();
    it.errorListenerAdded();
    keyv6Takes(it);
    expect(it.version).toBe(6);
    expect(it.ambiguous).toBe(false);
  });
});

describe('what a debugger or a logger does says nothing', () => {
  test('reading opts alone, however often', () => {
    const it = contract();
    it.optsRead();
    it.optsRead();
    expect(it.version).toBe(6);
  });

  test('reading capabilities alone, with a Keyv 5 in front', async () => {
    const it = contract();
    keyv5Takes(it);
    await nextJob();
    it.capabilitiesRead();
    expect(it.version).toBe(5);
  });

  test('reading opts some time after a listener was added', async () => {
    const it = contract();
    it.errorListenerAdded();
    await nextJob();
    it.optsRead();
    expect(it.version).toBe(6);
  });

  test('adding a listener some time after capabilities were read', async () => {
    const it = contract();
    keyv5Takes(it);
    await nextJob();
    it.capabilitiesRead();
    await nextJob();
    it.errorListenerAdded();
    expect(it.version).toBe(5);
  });

  test('reading both, with a Keyv 6 in front', async () => {
    const it = contract();
    keyv6Takes(it);
    await nextJob();
    it.capabilitiesRead();
    it.optsRead();
    expect(it.version).toBe(6);
  });

  test('a second listener of the user’s on a store that two Keyvs of one namespace have', async () => {
    const it = contract();
    keyv5Takes(it, 'users');
    keyv5Takes(it, 'users');
    await nextJob();
    it.errorListenerAdded();
    expect(it.ambiguous).toBe(false);
  });
});

describe('Keyv 6 asks what the store can do', () => {
  test('and hears that it takes absolute times of expiry, and every method', () => {
    expect(CAPABILITIES).toMatchObject({ compatible: true, store: 'keyvStorage', expires: true });
    expect(Object.keys(CAPABILITIES.methods).sort()).toEqual(
      [
        'get',
        'getMany',
        'has',
        'hasMany',
        'set',
        'setMany',
        'delete',
        'deleteMany',
        'clear',
        'disconnect',
        'iterator',
      ].sort(),
    );
    for (const method of Object.values(CAPABILITIES.methods)) {
      expect(method).toEqual({ exists: true, methodType: 'async' });
    }
  });
});

describe('the namespace', () => {
  test.each([
    [undefined, 'keyv:'],
    ['', 'keyv:'],
    ['users', 'users:'],
    ['a:b', 'a%3Ab:'],
  ])('%j makes the prefix %j', (namespace, prefix) => {
    const it = contract();
    it.assignNamespace(namespace);
    expect(it.prefix).toBe(prefix);
    expect(it.namespace).toBe(namespace);
  });

  test('of the options holds until a Keyv assigns its own', () => {
    const it = contract({ namespace: 'options' });
    keyv6Takes(it);
    expect(it.prefix).toBe('options:');
    it.assignNamespace('keyv');
    expect(it.prefix).toBe('keyv:');
  });

  test('reads escaped under Keyv 5, which looks for it in the keys that iterator() yields', () => {
    const it = contract();
    keyv5Takes(it, 'a:b');
    expect(it.namespace).toBe('a%3Ab');
  });

  test.each([5, null, {}, '\ud800'])('%p is refused, and the one before stays', (namespace) => {
    const it = contract({ namespace: 'users' });
    expect(() => it.assignNamespace(namespace as string)).toThrow(
      'A namespace must be a string of well-formed Unicode, or undefined, got ',
    );
    expect(it.prefix).toBe('users:');
  });
});

describe('keys as they come', () => {
  test.each([
    ['1', 'users:', '1'],
    ['users:1', 'users:', 'users:1'],
  ])('under Keyv 6 %j is taken as it is', (given, prefix, key) => {
    const it = contract();
    keyv6Takes(it, 'users');
    expect(it.resolveKey(given)).toEqual({ prefix, key });
  });

  test.each([
    ['users', 'users:1', 'users:', '1'],
    ['users', 'users:users:1', 'users:', 'users:1'],
    ['users', 'users:', 'users:', ''],
    ['users', '1', 'users:', '1'],
    ['users', 'usersx:1', 'users:', 'usersx:1'],
    ['a:b', 'a:b:1', 'a%3Ab:', '1'],
    ['a:b', 'a%3Ab:1', 'a%3Ab:', 'a%3Ab:1'],
    ['keyv', 'keyv:1', 'keyv:', '1'],
    [undefined, 'keyv:1', 'keyv:', 'keyv:1'],
    [undefined, '1', 'keyv:', '1'],
  ])('under Keyv 5 with namespace %j, %j is %j and %j', (namespace, given, prefix, key) => {
    const it = contract();
    it.errorListenerAdded();
    it.assignNamespace(namespace);
    it.optsRead();
    expect(it.resolveKey(given)).toEqual({ prefix, key });
  });

  test('under Keyv 5 with useKeyPrefix: false nothing is taken off', () => {
    const it = contract({ useKeyPrefix: false });
    keyv5Takes(it, 'users');
    expect(it.resolveKey('users:1')).toEqual({ prefix: 'users:', key: 'users:1' });
  });

  test('both majors meet in one physical key', () => {
    const five = contract();
    keyv5Takes(five, 'a:b');
    const six = contract();
    keyv6Takes(six, 'a:b');
    expect(five.resolveKey('a:b:k')).toEqual(six.resolveKey('k'));
  });

  test('what is no string is left for the key check to refuse', () => {
    const it = contract();
    keyv5Takes(it, 'users');
    expect(it.resolveKey(5 as never)).toEqual({ prefix: 'users:', key: 5 });
  });
});

describe('keys as iterator() yields them', () => {
  test('bare under Keyv 6', () => {
    const it = contract();
    keyv6Takes(it, 'users');
    expect(it.presentKey('1')).toBe('1');
  });

  test.each([
    ['users', 'users:1'],
    ['a:b', 'a%3Ab:1'],
  ])('with the namespace %j before it under Keyv 5: %j', (namespace, presented) => {
    const it = contract();
    keyv5Takes(it, namespace);
    expect(it.presentKey('1')).toBe(presented);
  });

  test('bare under Keyv 5 with useKeyPrefix: false, told or seen from the last key', () => {
    const told = contract({ useKeyPrefix: false });
    keyv5Takes(told, 'users');
    expect(told.presentKey('1')).toBe('1');

    const seen = contract();
    keyv5Takes(seen, 'users');
    seen.resolveKey('1');
    expect(seen.presentKey('1')).toBe('1');
    seen.resolveKey('users:1');
    expect(seen.presentKey('1')).toBe('users:1');
  });
});

describe('one store, several Keyvs', () => {
  test.each([
    ['5 and 5', keyv5Takes, keyv5Takes],
    ['6 and 6', keyv6Takes, keyv6Takes],
    ['5 and 6', keyv5Takes, keyv6Takes],
    ['6 and 5', keyv6Takes, keyv5Takes],
  ])('Keyv %s with different namespaces: ambiguous', (_name, one, other) => {
    const it = contract();
    one(it, 'users');
    expect(it.ambiguous).toBe(false);
    other(it, 'pages');
    expect(it.ambiguous).toBe(true);
  });

  test.each([
    ['5', keyv5Takes],
    ['6', keyv6Takes],
  ])('Keyv %s with the same namespace: not ambiguous, however many', (_name, takes) => {
    const it = contract();
    for (let count = 0; count < 5; count++) takes(it, 'users');
    expect(it.ambiguous).toBe(false);
  });

  test.each([
    ['5 and 5', keyv5Takes, keyv5Takes, false],
    ['6 and 6', keyv6Takes, keyv6Takes, false],
    ['5 and 6', keyv5Takes, keyv6Takes, true],
    ['6 and 5', keyv6Takes, keyv5Takes, true],
  ])('Keyv %s of the same namespace are mixed or not', (_name, one, other, mixed) => {
    const it = contract();
    one(it, 'users');
    expect(it.mixed).toBe(false);
    other(it, 'users');
    expect([it.mixed, it.ambiguous]).toEqual([mixed, false]);
  });

  test('one Keyv that changes its namespace: not ambiguous', async () => {
    const it = contract();
    keyv5Takes(it, 'users');
    await nextJob();
    it.assignNamespace('pages');
    expect(it.ambiguous).toBe(false);
  });

  test('under Keyv 5 the prefix of each key still tells whose it is', () => {
    const it = contract();
    keyv5Takes(it, 'users');
    keyv5Takes(it, 'users:old');
    keyv5Takes(it, 'pages');
    expect(it.resolveKey('users:old:1')).toEqual({ prefix: 'users%3Aold:', key: '1' });
    expect(it.resolveKey('users:1')).toEqual({ prefix: 'users:', key: '1' });
  });
});
