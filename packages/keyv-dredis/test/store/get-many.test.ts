import { beforeEach, describe, expect, test } from '@jest/globals';
import { type AnyKeyv, MAJORS, NAMESPACES, openKeyv } from '../support/index.js';

/** Enough keys that every server owns some of them. */
const KEYS = Array.from({ length: 200 }, (_, number) => `key-${number}`);

describe.each(MAJORS)('getMany() under %s', (_major, major) => {
  describe.each(NAMESPACES)('with %s', (_title, namespace) => {
    let keyv: AnyKeyv;

    beforeEach(async () => {
      keyv = openKeyv(major, { namespace });
      await keyv.setMany(KEYS.map((key) => ({ key, value: `value of ${key}` })));
    });

    test('returns the values in key order', async () => {
      expect(await keyv.getMany(KEYS)).toEqual(KEYS.map((key) => `value of ${key}`));
      const backwards = KEYS.toReversed();
      expect(await keyv.getMany(backwards)).toEqual(backwards.map((key) => `value of ${key}`));
    });

    test('returns hits, misses and duplicates at the positions of their keys', async () => {
      const keys = KEYS.flatMap((key) => [key, `no ${key}`, 'key-7']);
      expect(await keyv.getMany(keys)).toEqual(
        keys.map((key) => (key.startsWith('no') ? undefined : `value of ${key}`)),
      );
    });
  });
});
