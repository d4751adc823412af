import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import KeyvGzip from '@keyv/compress-gzip';
import type { KeyvCompressionAdapter, KeyvEncryptionAdapter } from 'keyv';
import {
  type AnyKeyvOptions,
  entriesOf,
  type Major,
  openKeyv,
  sharedRedis,
  takeErrors,
} from '../support/index.js';

// Keyv compresses and encrypts values. The store must return the encoded values unchanged.

/**
 * Gzip for Keyv 6, which needs text. @keyv/compress-gzip 2 cannot be used: it is for Keyv 5 and returns
 * bytes.
 */
const gzipAsText: KeyvCompressionAdapter = {
  compress: async (text) => (await promisify(gzip)(text)).toString('base64'),
  decompress: async (text) => (await promisify(gunzip)(Buffer.from(text, 'base64'))).toString(),
};

/** AES-256-GCM. The result is a nonce of twelve bytes, then the tag, then the ciphertext. */
function aes(key: Buffer): KeyvEncryptionAdapter {
  return {
    encrypt(text: string) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', key, nonce);
      const encrypted = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), encrypted]).toString('latin1');
    },
    decrypt(text: string) {
      const bytes = Buffer.from(text, 'latin1');
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12));
      decipher.setAuthTag(bytes.subarray(12, 28));
      return decipher.update(bytes.subarray(28), undefined, 'utf8') + decipher.final('utf8');
    },
  };
}

const secret = randomBytes(32);

const encodings: [name: string, major: Major, options: AnyKeyvOptions][] = [
  ['@keyv/compress-gzip under Keyv 5', 5, { compression: new KeyvGzip() }],
  ['compression under Keyv 6', 6, { compression: gzipAsText }],
  ['encryption under Keyv 6', 6, { encryption: aes(secret) }],
  ['compression and encryption under Keyv 6', 6, { compression: gzipAsText, encryption: aes(secret) }],
];

describe.each(encodings)('%s', (_name, major, options) => {
  const open = () => openKeyv(major, { ...options, namespace: 'app' });

  const values = Array.from({ length: 40 }, (_, number) => `legible ${'ü\0'.repeat(number)}`);
  const entries = values.map((value, number) => ({ key: `key-${number}`, value }));

  test('returns values as they were set', async () => {
    const keyv = open();
    await keyv.setMany(entries);
    await keyv.set('one', 'legible, and for a minute', 60_000);
    expect(await keyv.get('one')).toBe('legible, and for a minute');
    expect(await keyv.getMany(entries.map(({ key }) => key))).toEqual(values);
    const other = open();
    expect(await other.get('key-7')).toBe(values[7]);
    expect(Object.fromEntries(await entriesOf(other))).toEqual(
      Object.fromEntries([
        ...entries.map(({ key, value }) => [key, value]),
        ['one', 'legible, and for a minute'],
      ]),
    );
    expect(await other.has('one')).toBe(true);
  });

  test('stores values that are not legible in Redis', async () => {
    const keyv = open();
    await keyv.setMany(entries);
    const stored = await Promise.all(entries.map(({ key }) => sharedRedis.get(`app:${key}`)));
    for (const text of stored) {
      expect(text).toEqual(expect.any(String));
      expect(text).not.toContain('legible');
    }
  });
});

test('Keyv 6 with the wrong encryption key returns a miss and emits one error', async () => {
  await openKeyv(6, { namespace: 'app', encryption: aes(secret) }).set('key', 'value');
  const other = openKeyv(6, { namespace: 'app', encryption: aes(randomBytes(32)) });
  expect(await other.get('key')).toBeUndefined();
  expect(takeErrors()).toHaveLength(1);
});
