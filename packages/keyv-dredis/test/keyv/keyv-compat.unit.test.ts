import { describe, expect, jest, test } from '@jest/globals';
import type { DRedisStoreOptions } from '../../src/config/options.js';
import { resolveOptions } from '../../src/config/validation.js';
import { CAPABILITIES } from '../../src/keyv/capabilities.js';
import { KeyvCompat } from '../../src/keyv/keyv-compat.js';

const compat = (options: DRedisStoreOptions = {}) => new KeyvCompat(resolveOptions(options));

/** Simulates Keyv 5.6's constructor, which takes these steps with a store. */
function keyv5Takes(it: KeyvCompat, namespace: string | undefined = 'keyv'): void {
  it.errorListenerAdded();
  it.assignNamespace(namespace);
  it.optsRead();
}

/** Simulates Keyv 6.1's constructor, which takes these steps with a store. */
function keyv6Takes(it: KeyvCompat, namespace?: string): void {
  it.capabilitiesRead();
  it.errorListenerAdded();
  if (namespace !== undefined) it.assignNamespace(namespace);
}

const nextJob = () => new Promise((resolve) => setImmediate(resolve));

describe('the detected major version of Keyv', () => {
  test('is 6 without a Keyv', () => {
    expect(compat().convention.version).toBe(6);
  });

  test('is 5 with a Keyv 5', () => {
    const it = compat();
    keyv5Takes(it);
    expect(it.convention.version).toBe(5);
  });

  test('is 6 with a Keyv 6', () => {
    const it = compat();
    keyv6Takes(it, 'users');
    expect(it.convention.version).toBe(6);
  });

  test('is the version of the last Keyv if a Keyv 5 and a Keyv 6 share the store', () => {
    const it = compat();
    keyv5Takes(it);
    keyv6Takes(it);
    expect(it.convention.version).toBe(6);
    keyv5Takes(it);
    expect(it.convention.version).toBe(5);
  });

  test("is 5 if a Keyv 5 is created in the same turn in which the user's listener is added", () => {
    const it = compat();
    it.errorListenerAdded();
    keyv5Takes(it);
    expect(it.convention.version).toBe(5);
  });

  test("is 6 if a Keyv 6 is created in the same turn in which the user's listener is added", () => {
    const it = compat();
    it.errorListenerAdded();
    keyv6Takes(it);
    expect(it.convention.version).toBe(6);
    expect(it.isAmbiguous).toBe(false);
  });
});

describe('the major version is not changed by a debugger or a logger', () => {
  test('that reads only opts, several times', () => {
    const it = compat();
    it.optsRead();
    it.optsRead();
    expect(it.convention.version).toBe(6);
  });

  test('that reads the capabilities of a store that a Keyv 5 uses', async () => {
    const it = compat();
    keyv5Takes(it);
    await nextJob();
    it.capabilitiesRead();
    expect(it.convention.version).toBe(5);
  });

  test('that reads opts in a later turn than the one in which a listener was added', async () => {
    const it = compat();
    it.errorListenerAdded();
    await nextJob();
    it.optsRead();
    expect(it.convention.version).toBe(6);
  });

  test('that reads opts in a later turn under fake timers', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate'] });
    const it = compat();
    it.errorListenerAdded();
    await nextJob();
    it.optsRead();
    jest.useRealTimers();
    expect(it.convention.version).toBe(6);
  });

  test('that reads capabilities in an earlier turn than the one in which a listener is added', async () => {
    const it = compat();
    keyv5Takes(it);
    await nextJob();
    it.capabilitiesRead();
    await nextJob();
    it.errorListenerAdded();
    expect(it.convention.version).toBe(5);
  });

  test('that reads capabilities and opts of a store that a Keyv 6 uses', async () => {
    const it = compat();
    keyv6Takes(it);
    await nextJob();
    it.capabilitiesRead();
    it.optsRead();
    expect(it.convention.version).toBe(6);
  });

  test('that adds a listener to a store that is shared by two Keyvs with the same namespace', async () => {
    const it = compat();
    keyv5Takes(it, 'users');
    keyv5Takes(it, 'users');
    await nextJob();
    it.errorListenerAdded();
    expect(it.isAmbiguous).toBe(false);
  });
});

describe('the capabilities that Keyv 6 reads', () => {
  test('declare absolute expiries and every method', () => {
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

describe('the namespace of KeyvCompat', () => {
  test.each([
    [undefined, 'keyv:'],
    ['', 'keyv:'],
    ['users', 'users:'],
    ['a:b', 'a%3Ab:'],
  ])('%j produces the prefix %j', (namespace, prefix) => {
    const it = compat();
    it.assignNamespace(namespace);
    expect(it.convention.prefix).toBe(prefix);
    expect(it.namespace).toBe(namespace);
  });

  test('is taken from the options until a Keyv assigns its own', () => {
    const it = compat({ namespace: 'options' });
    keyv6Takes(it);
    expect(it.convention.prefix).toBe('options:');
    it.assignNamespace('keyv');
    expect(it.convention.prefix).toBe('keyv:');
  });

  test("is escaped under Keyv 5, which looks for it in iterator()'s keys", () => {
    const it = compat();
    keyv5Takes(it, 'a:b');
    expect(it.namespace).toBe('a%3Ab');
  });

  test.each([5, null, {}, '\ud800'])('stays the same if assigning %p throws', (namespace) => {
    const it = compat({ namespace: 'users' });
    expect(() => it.assignNamespace(namespace as string)).toThrow(
      'A namespace must be a string of well-formed Unicode, or undefined, got ',
    );
    expect(it.convention.prefix).toBe('users:');
  });
});

describe('the physical key', () => {
  test.each([
    ['1', 'users:1'],
    ['users:1', 'users:users:1'],
  ])('under Keyv 6 with namespace users, for the key %j, is %j', (given, physical) => {
    const it = compat();
    keyv6Takes(it, 'users');
    expect(it.convention.physicalKey(given)).toBe(physical);
  });

  test.each([
    ['users', 'users:1', 'users:1'],
    ['users', 'users:users:1', 'users:users:1'],
    ['users', 'users:', 'users:'],
    ['users', '1', 'users:1'],
    ['users', 'usersx:1', 'users:usersx:1'],
    ['a:b', 'a:b:1', 'a%3Ab:1'],
    ['a:b', 'a%3Ab:1', 'a%3Ab:a%3Ab:1'],
    ['keyv', 'keyv:1', 'keyv:1'],
    [undefined, 'keyv:1', 'keyv:keyv:1'],
    [undefined, '1', 'keyv:1'],
  ])('under Keyv 5 with namespace %j, for the key %j, is %j', (namespace, given, physical) => {
    const it = compat();
    it.errorListenerAdded();
    it.assignNamespace(namespace);
    it.optsRead();
    expect(it.convention.physicalKey(given)).toBe(physical);
    expect(it.convention.locate(given)).toBe(physical);
  });

  test('keeps a part that looks like a prefix under Keyv 5 with useKeyPrefix: false', () => {
    const it = compat({ useKeyPrefix: false });
    keyv5Takes(it, 'users');
    expect(it.convention.physicalKey('users:1')).toBe('users:users:1');
  });

  test('is the same under both majors', () => {
    const five = compat();
    keyv5Takes(five, 'a:b');
    const six = compat();
    keyv6Takes(six, 'a:b');
    expect(five.convention.physicalKey('a:b:k')).toBe(six.convention.physicalKey('k'));
  });

  test.each([
    ['Keyv 5', keyv5Takes],
    ['Keyv 6', keyv6Takes],
  ])('cannot be computed under %s for a key that is not text or has a lone surrogate', (_name, takes) => {
    const it = compat();
    takes(it, 'users');
    expect(() => it.convention.physicalKey(Number.NaN as never)).toThrow(
      'A key must be a string, got number',
    );
    expect(() => it.convention.physicalKey('\ud800')).toThrow('A key must be well-formed Unicode');
    expect(() => it.convention.physicalKey('users:\ud800')).toThrow('A key must be well-formed Unicode');
  });

  test('does not change during a call if the namespace changes', () => {
    const it = compat({ namespace: 'users' });
    const { convention } = it;
    it.assignNamespace('pages');
    expect([convention.physicalKey('1'), it.convention.physicalKey('1')]).toEqual(['users:1', 'pages:1']);
  });
});

describe('a key that iterator() yields', () => {
  test('is bare under Keyv 6', () => {
    const it = compat();
    keyv6Takes(it, 'users');
    expect(it.presentKey('1')).toBe('1');
  });

  test.each([
    ['users', 'users:1'],
    ['a:b', 'a%3Ab:1'],
  ])('begins under Keyv 5 with the escaped namespace of %j: %j', (namespace, presented) => {
    const it = compat();
    keyv5Takes(it, namespace);
    expect(it.presentKey('1')).toBe(presented);
  });

  test('is bare under Keyv 5 if useKeyPrefix: false is set, or inferred from the last key', () => {
    const told = compat({ useKeyPrefix: false });
    keyv5Takes(told, 'users');
    expect(told.presentKey('1')).toBe('1');

    const seen = compat();
    keyv5Takes(seen, 'users');
    seen.convention.physicalKey('1');
    expect(seen.presentKey('1')).toBe('1');
    seen.convention.physicalKey('users:1');
    expect(seen.presentKey('1')).toBe('users:1');
  });

  test('does not depend on keys that were passed to locate()', () => {
    const it = compat();
    keyv5Takes(it, 'users');
    it.convention.locate('1');
    expect(it.presentKey('1')).toBe('users:1');
  });
});

describe('several Keyv instances on one store', () => {
  test.each([
    ['5 and 5', keyv5Takes, keyv5Takes],
    ['6 and 6', keyv6Takes, keyv6Takes],
    ['5 and 6', keyv5Takes, keyv6Takes],
    ['6 and 5', keyv6Takes, keyv5Takes],
  ])('Keyv %s with different namespaces are ambiguous', (_name, one, other) => {
    const it = compat();
    one(it, 'users');
    expect(it.isAmbiguous).toBe(false);
    other(it, 'pages');
    expect(it.isAmbiguous).toBe(true);
  });

  test.each([
    ['5', keyv5Takes],
    ['6', keyv6Takes],
  ])('five Keyv %s with the same namespace are not ambiguous', (_name, takes) => {
    const it = compat();
    for (let count = 0; count < 5; count++) takes(it, 'users');
    expect(it.isAmbiguous).toBe(false);
  });

  test.each([
    ['5 and 5', keyv5Takes, keyv5Takes, false],
    ['6 and 6', keyv6Takes, keyv6Takes, false],
    ['5 and 6', keyv5Takes, keyv6Takes, true],
    ['6 and 5', keyv6Takes, keyv5Takes, true],
  ])(
    'Keyv %s with the same namespace count as mixed only if their versions differ',
    (_name, one, other, mixed) => {
      const it = compat();
      one(it, 'users');
      expect(it.isMixed).toBe(false);
      other(it, 'users');
      expect([it.isMixed, it.isAmbiguous]).toEqual([mixed, false]);
    },
  );

  test('a single Keyv is not ambiguous after it changes its namespace', async () => {
    const it = compat();
    keyv5Takes(it, 'users');
    await nextJob();
    it.assignNamespace('pages');
    expect(it.isAmbiguous).toBe(false);
  });

  test('under Keyv 5 are distinguished by the prefix of each key', () => {
    const it = compat();
    keyv5Takes(it, 'users');
    keyv5Takes(it, 'users:old');
    keyv5Takes(it, 'pages');
    expect(it.convention.physicalKey('users:old:1')).toBe('users%3Aold:1');
    expect(it.convention.physicalKey('users:1')).toBe('users:1');
  });
});
