import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { openKeyv, openStore, sharedRedis } from '../support/index.js';

// The sharding test from the Django backend that this store is based on, with the same limit.
test('setMany() spreads 10,000 random keys almost evenly over four servers', async () => {
  const count = 10_000;
  const keyv = openKeyv(6, { namespace: 'app' }, openStore({ commandTimeoutMs: 10_000 }));
  const entries = Array.from({ length: count }, () => ({ key: randomBytes(8).toString('hex'), value: 1 }));
  expect((await keyv.setMany(entries)).every(Boolean)).toBe(true);

  const counts = (await sharedRedis.keysByServer('app:')).map((keys) => keys.length);
  expect(counts).toHaveLength(4);
  const mean = count / counts.length;
  expect(counts.reduce((sum, each) => sum + each)).toBe(count);
  const deviation = Math.sqrt(counts.reduce((sum, each) => sum + (each - mean) ** 2, 0) / counts.length);
  expect(deviation / count).toBeLessThan(0.05);
});
