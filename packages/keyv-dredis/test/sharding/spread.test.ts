import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { workbench } from '../support/keyvs.js';

const bench = workbench(15);

// The Django backend's own test of its sharding, and its own limit.
test('10,000 random keys lie over four servers in almost equal parts', async () => {
  const count = 10_000;
  const keyv = bench.openKeyv(6, { namespace: 'contract' }, bench.openStore({ commandTimeoutMs: 10_000 }));
  const entries = Array.from({ length: count }, () => ({ key: randomBytes(8).toString('hex'), value: 1 }));
  expect((await keyv.setMany(entries)).every(Boolean)).toBe(true);

  const counts = (await bench.redis.keysByServer('contract:')).map((keys) => keys.length);
  expect(counts).toHaveLength(4);
  const mean = count / counts.length;
  expect(counts.reduce((sum, each) => sum + each)).toBe(count);
  const deviation = Math.sqrt(counts.reduce((sum, each) => sum + (each - mean) ** 2, 0) / counts.length);
  expect(deviation / count).toBeLessThan(0.05);
});
