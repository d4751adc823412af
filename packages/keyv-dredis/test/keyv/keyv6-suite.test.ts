import { setTimeout } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Keyv } from 'keyv';
import { entriesOf, NAMESPACES, openKeyv, openStore, takeErrors } from '../support/index.js';

// The official suite's test groups, rewritten for Keyv 6.1: @keyv/test-suite 2 is for Keyv 5.

const open6 = (namespace: string | undefined, store = openStore()) =>
  openKeyv(6, { namespace }, store) as unknown as Keyv;

describe.each(NAMESPACES)('Keyv 6 with %s', (_title, namespace) => {
  let keyv: Keyv;

  beforeEach(() => {
    keyv = open6(namespace);
  });

  describe('api', () => {
    test('every method returns a promise', async () => {
      const calls: [name: string, result: unknown][] = [
        ['set', keyv.set('foo', 'bar')],
        ['setMany', keyv.setMany([{ key: 'foo', value: 'bar' }])],
        ['get', keyv.get('foo')],
        ['getMany', keyv.getMany(['foo'])],
        ['getRaw', keyv.getRaw('foo')],
        ['has', keyv.has('foo')],
        ['hasMany', keyv.hasMany(['foo'])],
        ['delete', keyv.delete('foo')],
        ['deleteMany', keyv.deleteMany(['foo'])],
        ['clear', keyv.clear()],
      ];
      for (const [, result] of calls) expect(result).toBeInstanceOf(Promise);
      await Promise.all(calls.map(([, result]) => result));
    });

    test('set() resolves to true, and get() to the value', async () => {
      expect(await keyv.set('foo', 'bar')).toBe(true);
      expect(await keyv.get('foo')).toBe('bar');
    });

    test('set() replaces a value and its expiry', async () => {
      await keyv.set('foo', 'short', 50);
      await keyv.set('foo', 'long');
      await setTimeout(60);
      expect(await keyv.get('foo')).toBe('long');
    });

    test('a value with a ttl can be read until it expires', async () => {
      expect(await keyv.set('foo', 'bar', 60_000)).toBe(true);
      expect(await keyv.set('fizz', 'buzz', 20)).toBe(true);
      expect(await keyv.get('foo')).toBe('bar');
      await setTimeout(30);
      expect(await keyv.get('fizz')).toBeUndefined();
      expect(await keyv.has('fizz')).toBe(false);
      expect(await keyv.has('foo')).toBe(true);
    });

    test('get() of a missing key resolves to undefined', async () => {
      expect(await keyv.get('foo')).toBeUndefined();
    });

    test('get() of a list of keys resolves to the values in key order', async () => {
      for (const number of [1, 2, 3]) await keyv.set(`foo${number}`, `bar${number}`, 60_000);
      expect(await keyv.get(['foo3', 'foo1', 'foo2'])).toEqual(['bar3', 'bar1', 'bar2']);
    });

    test('get() of a list of keys resolves to undefined for expired and missing keys', async () => {
      await keyv.set('foo', 'bar');
      await keyv.set('foo1', 'bar1', 10);
      await keyv.set('foo2', 'bar2');
      await setTimeout(20);
      expect(await keyv.get(['foo', 'foo1', 'never', 'foo2'])).toEqual(['bar', undefined, undefined, 'bar2']);
    });

    test('get() of a list of missing keys resolves to undefined for each', async () => {
      expect(await keyv.get(['foo', 'foo1', 'foo2'])).toEqual([undefined, undefined, undefined]);
    });

    test('calls without keys resolve to empty lists', async () => {
      expect(await keyv.getMany([])).toEqual([]);
      expect(await keyv.setMany([])).toEqual([]);
      expect(await keyv.hasMany([])).toEqual([]);
      expect(await keyv.deleteMany([])).toEqual([]);
    });

    test('setMany() sets each entry and resolves to one boolean per entry', async () => {
      const entries = [
        { key: 'foo', value: 'bar' },
        { key: 'foo1', value: 'bar1', ttl: 60_000 },
        { key: 'foo2', value: 'bar2' },
      ];
      expect(await keyv.setMany(entries)).toEqual([true, true, true]);
      expect(await keyv.getMany(['foo', 'foo1', 'foo2'])).toEqual(['bar', 'bar1', 'bar2']);
    });

    test('delete() removes a key and resolves to whether it existed', async () => {
      await keyv.set('foo', 'bar');
      expect(await keyv.delete('foo')).toBe(true);
      expect(await keyv.get('foo')).toBeUndefined();
      expect(await keyv.delete('foo')).toBe(false);
    });

    test('deleteMany(), and delete() of a list, resolve to whether each key existed', async () => {
      await keyv.set('foo', 'bar');
      await keyv.set('foo2', 'bar2');
      expect(await keyv.deleteMany(['foo', 'foo1', 'foo2'])).toEqual([true, false, true]);
      expect(await keyv.getMany(['foo', 'foo2'])).toEqual([undefined, undefined]);
      await keyv.set('foo', 'bar');
      expect(await keyv.delete(['foo1', 'foo'])).toEqual([false, true]);
    });

    test('clear() removes everything and resolves to undefined', async () => {
      expect(await keyv.clear()).toBeUndefined();
      await keyv.set('foo', 'bar');
      await keyv.set('fizz', 'buzz', 60_000);
      expect(await keyv.clear()).toBeUndefined();
      expect(await keyv.getMany(['foo', 'fizz'])).toEqual([undefined, undefined]);
    });

    test('has() and hasMany() resolve to whether keys exist', async () => {
      await keyv.set('foo', 'bar');
      expect(await keyv.has('foo')).toBe(true);
      expect(await keyv.has('fizz')).toBe(false);
      expect(await keyv.hasMany(['fizz', 'foo', 'buzz'])).toEqual([false, true, false]);
      expect(await keyv.has(['foo', 'fizz'])).toEqual([true, false]);
    });

    test('getRaw() and setRaw() include the expiry', async () => {
      const expires = Date.now() + 60_000;
      expect(await keyv.setRaw('foo', { value: 'bar', expires })).toBe(true);
      expect(await keyv.getRaw('foo')).toEqual({ value: 'bar', expires });
      expect(await keyv.getManyRaw(['fizz', 'foo'])).toEqual([undefined, { value: 'bar', expires }]);
      expect(await keyv.setRaw('foo', { value: 'late', expires: Date.now() - 1 })).toBe(true);
      expect(await keyv.getRaw('foo')).toBeUndefined();
    });

    test('disconnect() closes the store and may be called again', async () => {
      await keyv.set('foo', 'bar');
      await keyv.disconnect();
      await keyv.disconnect();
      expect(await keyv.get('foo')).toBeUndefined();
      expect(takeErrors()).toEqual([expect.objectContaining({ code: 'DREDIS_CLOSED' })]);
    });
  });

  describe('values', () => {
    test.each<[string, unknown]>([
      ['false', false],
      ['true', true],
      ['null', null],
      ['zero', 0],
      ['a fraction', -1.5e-7],
      ['a large number', Number.MAX_SAFE_INTEGER],
      ['a bigint', 9223372036854775807n],
      ['the empty string', ''],
      ['a single quote', "'"],
      ['two single quotes', "''"],
      ['a double quote', '"'],
      ['a backslash and a newline', '\\\n'],
      ['a string that begins with a colon', ':base64:AAAA'],
      ['text that looks like JSON', '{"value":1}'],
      ['unicode', 'ü💩\u0000\u2028'],
      ['an empty object', {}],
      ['an object', { fizz: 'buzz', deep: [{ er: null }] }],
      ['an array', [1, 'two', [3]]],
      ['a buffer', Buffer.from([0, 0xff, 0xc3, 0x28, 0x0a])],
      ['an empty buffer', Buffer.alloc(0)],
      ['an object containing a buffer', { buff: Buffer.from('buzz') }],
    ])('set() and get() return %s unchanged', async (_name, value) => {
      expect(await keyv.set('foo', value)).toBe(true);
      expect(await keyv.get('foo')).toEqual(value);
      expect(await keyv.getMany(['foo'])).toEqual([value]);
      expect(await keyv.has('foo')).toBe(true);
    });

    test('set() and get() accept undefined', async () => {
      expect(await keyv.set('foo', undefined)).toBe(true);
      expect(await keyv.get('foo')).toBeUndefined();
    });

    test('set() of a symbol resolves to false and emits an error', async () => {
      expect(await keyv.set('foo', Symbol('value'))).toBe(false);
      expect(takeErrors()).toEqual(['symbol cannot be serialized']);
      expect(await keyv.has('foo')).toBe(false);
    });
  });

  describe('iterator', () => {
    test('is an asynchronous iterator', async () => {
      const iterator = keyv.iterator();
      expect(typeof iterator[Symbol.asyncIterator]).toBe('function');
      expect(await iterator.next()).toEqual({ done: true, value: undefined });
    });

    test('yields every entry once, with its original key', async () => {
      const entries = Array.from({ length: 50 }, (_, number) => [String(number), number + 10] as const);
      await keyv.setMany(entries.map(([key, value]) => ({ key, value })));
      expect(await entriesOf(keyv)).toEqual([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
    });

    test('does not yield expired entries', async () => {
      await keyv.setMany([
        ...Array.from({ length: 5 }, (_, number) => ({ key: String(number), value: 'brief', ttl: 20 })),
        { key: 'foo', value: 'bar' },
      ]);
      await setTimeout(30);
      expect(await entriesOf(keyv)).toEqual([['foo', 'bar']]);
    });

    test('can be stopped early and started again', async () => {
      await keyv.setMany(Array.from({ length: 10 }, (_, number) => ({ key: `${number}`, value: number })));
      for await (const [key, value] of keyv.iterator()) {
        expect(String(value)).toBe(key);
        break;
      }
      expect(await entriesOf(keyv)).toHaveLength(10);
    });
  });

  describe('next to a Keyv with another namespace and its own store:', () => {
    let other: Keyv;

    beforeEach(async () => {
      other = open6(`${namespace ?? 'app'}2`);
      for (const key of ['foo', 'bar']) {
        await keyv.set(key, 'mine');
        await other.set(key, 'theirs');
      }
    });

    const both = async (key: string) => [await keyv.get(key), await other.get(key)];

    test('set() and get() do not collide', async () => {
      expect(await both('foo')).toEqual(['mine', 'theirs']);
    });

    test('delete() removes the key only from its own namespace', async () => {
      expect(await keyv.delete('foo')).toBe(true);
      expect(await both('foo')).toEqual([undefined, 'theirs']);
    });

    test('clear() clears only its own namespace', async () => {
      await keyv.clear();
      expect(await both('foo')).toEqual([undefined, 'theirs']);
      expect(await both('bar')).toEqual([undefined, 'theirs']);
      await other.clear();
      expect(await both('bar')).toEqual([undefined, undefined]);
    });

    test('iterator() yields only the entries in its own namespace', async () => {
      expect(await entriesOf(keyv)).toEqual([
        ['bar', 'mine'],
        ['foo', 'mine'],
      ]);
    });

    test('Keyv and its store have the same namespace', () => {
      expect(keyv.namespace).toBe(namespace);
      expect(keyv.store.namespace).toBe(namespace);
    });
  });
});
