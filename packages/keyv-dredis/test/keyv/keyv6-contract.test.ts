import { setTimeout } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Keyv } from 'keyv';
import { entriesOf, NAMESPACES, workbench } from '../support/keyvs.js';

// The groups of the official suite (@keyv/test-suite 2, which is for Keyv 5), re-stated for Keyv 6.1.

const { openStore, openKeyv, errors } = workbench(5);

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

    test('set answers true, and get gives the value', async () => {
      expect(await keyv.set('foo', 'bar')).toBe(true);
      expect(await keyv.get('foo')).toBe('bar');
    });

    test('set replaces a value, and takes an expiry back', async () => {
      await keyv.set('foo', 'short', 50);
      await keyv.set('foo', 'long');
      await setTimeout(60);
      expect(await keyv.get('foo')).toBe('long');
    });

    test('a value with a ttl is there, and then it is not', async () => {
      expect(await keyv.set('foo', 'bar', 60_000)).toBe(true);
      expect(await keyv.set('fizz', 'buzz', 20)).toBe(true);
      expect(await keyv.get('foo')).toBe('bar');
      await setTimeout(30);
      expect(await keyv.get('fizz')).toBeUndefined();
      expect(await keyv.has('fizz')).toBe(false);
      expect(await keyv.has('foo')).toBe(true);
    });

    test('get of a key that is not there is undefined', async () => {
      expect(await keyv.get('foo')).toBeUndefined();
    });

    test('get of a list gives the values in its order', async () => {
      for (const number of [1, 2, 3]) await keyv.set(`foo${number}`, `bar${number}`, 60_000);
      expect(await keyv.get(['foo3', 'foo1', 'foo2'])).toEqual(['bar3', 'bar1', 'bar2']);
    });

    test('get of a list has undefined for what has expired and what never was', async () => {
      await keyv.set('foo', 'bar');
      await keyv.set('foo1', 'bar1', 10);
      await keyv.set('foo2', 'bar2');
      await setTimeout(20);
      expect(await keyv.get(['foo', 'foo1', 'never', 'foo2'])).toEqual(['bar', undefined, undefined, 'bar2']);
    });

    test('get of a list of which nothing is there is all undefined', async () => {
      expect(await keyv.get(['foo', 'foo1', 'foo2'])).toEqual([undefined, undefined, undefined]);
    });

    test('calls over no keys answer with nothing', async () => {
      expect(await keyv.getMany([])).toEqual([]);
      expect(await keyv.setMany([])).toEqual([]);
      expect(await keyv.hasMany([])).toEqual([]);
      expect(await keyv.deleteMany([])).toEqual([]);
    });

    test('setMany answers per entry, and sets each', async () => {
      const entries = [
        { key: 'foo', value: 'bar' },
        { key: 'foo1', value: 'bar1', ttl: 60_000 },
        { key: 'foo2', value: 'bar2' },
      ];
      expect(await keyv.setMany(entries)).toEqual([true, true, true]);
      expect(await keyv.getMany(['foo', 'foo1', 'foo2'])).toEqual(['bar', 'bar1', 'bar2']);
    });

    test('delete says whether there was something, and removes it', async () => {
      await keyv.set('foo', 'bar');
      expect(await keyv.delete('foo')).toBe(true);
      expect(await keyv.get('foo')).toBeUndefined();
      expect(await keyv.delete('foo')).toBe(false);
    });

    test('deleteMany, and delete of a list, say it per key', async () => {
      await keyv.set('foo', 'bar');
      await keyv.set('foo2', 'bar2');
      expect(await keyv.deleteMany(['foo', 'foo1', 'foo2'])).toEqual([true, false, true]);
      expect(await keyv.getMany(['foo', 'foo2'])).toEqual([undefined, undefined]);
      await keyv.set('foo', 'bar');
      expect(await keyv.delete(['foo1', 'foo'])).toEqual([false, true]);
    });

    test('clear resolves to undefined, and everything is gone', async () => {
      expect(await keyv.clear()).toBeUndefined();
      await keyv.set('foo', 'bar');
      await keyv.set('fizz', 'buzz', 60_000);
      expect(await keyv.clear()).toBeUndefined();
      expect(await keyv.getMany(['foo', 'fizz'])).toEqual([undefined, undefined]);
    });

    test('has and hasMany', async () => {
      await keyv.set('foo', 'bar');
      expect(await keyv.has('foo')).toBe(true);
      expect(await keyv.has('fizz')).toBe(false);
      expect(await keyv.hasMany(['fizz', 'foo', 'buzz'])).toEqual([false, true, false]);
      expect(await keyv.has(['foo', 'fizz'])).toEqual([true, false]);
    });

    test('getRaw and setRaw carry the time of expiry', async () => {
      const expires = Date.now() + 60_000;
      expect(await keyv.setRaw('foo', { value: 'bar', expires })).toBe(true);
      expect(await keyv.getRaw('foo')).toEqual({ value: 'bar', expires });
      expect(await keyv.getManyRaw(['fizz', 'foo'])).toEqual([undefined, { value: 'bar', expires }]);
      expect(await keyv.setRaw('foo', { value: 'late', expires: Date.now() - 1 })).toBe(true);
      expect(await keyv.getRaw('foo')).toBeUndefined();
    });

    test('disconnect ends the store, and may be called again', async () => {
      await keyv.set('foo', 'bar');
      await keyv.disconnect();
      await keyv.disconnect();
      expect(await keyv.get('foo')).toBeUndefined();
      expect(errors.splice(0)).toEqual([expect.objectContaining({ code: 'DREDIS_CLOSED' })]);
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
      ['what looks like JSON', '{"value":1}'],
      ['unicode', 'ü💩\u0000\u2028'],
      ['an empty object', {}],
      ['an object', { fizz: 'buzz', deep: [{ er: null }] }],
      ['an array', [1, 'two', [3]]],
      ['a buffer', Buffer.from([0, 0xff, 0xc3, 0x28, 0x0a])],
      ['an empty buffer', Buffer.alloc(0)],
      ['an object containing a buffer', { buff: Buffer.from('buzz') }],
    ])('can be %s', async (_name, value) => {
      expect(await keyv.set('foo', value)).toBe(true);
      expect(await keyv.get('foo')).toEqual(value);
      expect(await keyv.getMany(['foo'])).toEqual([value]);
      expect(await keyv.has('foo')).toBe(true);
    });

    test('can be undefined', async () => {
      expect(await keyv.set('foo', undefined)).toBe(true);
      expect(await keyv.get('foo')).toBeUndefined();
    });

    test('cannot be a symbol', async () => {
      expect(await keyv.set('foo', Symbol('value'))).toBe(false);
      expect(errors.splice(0)).toEqual(['symbol cannot be serialized']);
      expect(await keyv.has('foo')).toBe(false);
    });
  });

  describe('iterator', () => {
    test('is an asynchronous iterator', async () => {
      const iterator = keyv.iterator();
      expect(typeof iterator[Symbol.asyncIterator]).toBe('function');
      expect(await iterator.next()).toEqual({ done: true, value: undefined });
    });

    test('yields every value once, under the key that it was set with', async () => {
      const entries = Array.from({ length: 50 }, (_, number) => [String(number), number + 10] as const);
      await keyv.setMany(entries.map(([key, value]) => ({ key, value })));
      expect(await entriesOf(keyv)).toEqual([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
    });

    test('yields nothing that has expired', async () => {
      await keyv.setMany([
        ...Array.from({ length: 5 }, (_, number) => ({ key: String(number), value: 'brief', ttl: 20 })),
        { key: 'foo', value: 'bar' },
      ]);
      await setTimeout(30);
      expect(await entriesOf(keyv)).toEqual([['foo', 'bar']]);
    });

    test('may be left early, and begun again', async () => {
      await keyv.setMany(Array.from({ length: 10 }, (_, number) => ({ key: `${number}`, value: number })));
      for await (const [key, value] of keyv.iterator()) {
        expect(String(value)).toBe(key);
        break;
      }
      expect(await entriesOf(keyv)).toHaveLength(10);
    });
  });

  describe('namespace: a Keyv beside it, over a store of its own', () => {
    let other: Keyv;

    beforeEach(async () => {
      other = open6(`${namespace ?? 'contract'}2`);
      for (const key of ['foo', 'bar']) {
        await keyv.set(key, 'mine');
        await other.set(key, 'theirs');
      }
    });

    const both = async (key: string) => [await keyv.get(key), await other.get(key)];

    test('set and get do not collide', async () => {
      expect(await both('foo')).toEqual(['mine', 'theirs']);
    });

    test('delete removes from its own', async () => {
      expect(await keyv.delete('foo')).toBe(true);
      expect(await both('foo')).toEqual([undefined, 'theirs']);
    });

    test('clear clears its own', async () => {
      await keyv.clear();
      expect(await both('foo')).toEqual([undefined, 'theirs']);
      expect(await both('bar')).toEqual([undefined, 'theirs']);
      await other.clear();
      expect(await both('bar')).toEqual([undefined, undefined]);
    });

    test('iterator yields its own', async () => {
      expect(await entriesOf(keyv)).toEqual([
        ['bar', 'mine'],
        ['foo', 'mine'],
      ]);
    });

    test('is what Keyv and store say', () => {
      expect(keyv.namespace).toBe(namespace);
      expect(keyv.store.namespace).toBe(namespace);
    });
  });
});
