import { expect } from '@jest/globals';
import { type AnyKeyv, entriesOf, type Major } from './keyvs.js';

/** Enough keys that every server owns some of them. */
const COUNT = 24;
const TTL_MS = 600_000;

/** Calls every method of a Keyv and checks the results. The namespace must be empty before the call. */
export async function expectEveryOperation(keyv: AnyKeyv, major: Major): Promise<void> {
  const entries = (name: string, ttl?: number) =>
    Array.from({ length: COUNT }, (_, index) => ({
      key: `${name}-${index}`,
      value: `value of ${name}-${index}`,
      ...(ttl !== undefined && { ttl }),
    }));
  const stored = [...entries('lasting'), ...entries('expiring', TTL_MS)];
  const keys = stored.map(({ key }) => key);
  const values = stored.map(({ value }) => value);

  // Entries without an expiry are sent with MSET, other entries with SET.
  expect(await keyv.setMany(entries('lasting'))).toEqual(Array(COUNT).fill(true));
  expect(await keyv.setMany(entries('expiring', TTL_MS))).toEqual(Array(COUNT).fill(true));
  expect(await keyv.set('one', 'value of one')).toBe(true);
  expect(await keyv.set('one more', { list: [1, 2] }, TTL_MS)).toBe(true);

  expect(await keyv.get('one')).toBe('value of one');
  expect(await keyv.get('one more')).toEqual({ list: [1, 2] });
  expect(await keyv.get('none')).toBeUndefined();
  expect(await keyv.getMany(['none', ...keys])).toEqual([undefined, ...values]);
  expect(await keyv.has('one')).toBe(true);
  expect(await keyv.hasMany(['none', ...keys])).toEqual([false, ...keys.map(() => true)]);

  expect(await keyv.delete('one')).toBe(true);
  expect(await keyv.deleteMany(['one more', 'one'])).toEqual(major === 5 ? false : [true, false]);
  const left = keys.map((key, index) => [key, values[index]] as [string, string]);
  expect(await entriesOf(keyv)).toEqual(left.sort(([one], [other]) => (one < other ? -1 : 1)));
  await keyv.clear();
  expect(await keyv.hasMany(keys)).toEqual(keys.map(() => false));
  expect(await entriesOf(keyv)).toEqual([]);
}
