import { expect, test } from '@jest/globals';
import { findTwemproxy } from '../src/find-twemproxy.js';
import { ask, ping, startRedis, startTwemproxy } from '../src/index.js';
import { isAlive } from './fixtures/traces.js';

// The test must not install packages, so it is skipped if twemproxy is not installed.
const hasTwemproxy = await findTwemproxy(process.env, false).then(
  () => true,
  () => false,
);

(hasTwemproxy ? test : test.skip)(
  'startTwemproxy() forwards commands to the servers, and stop() leaves no process behind',
  async () => {
    await using group = await startRedis({ count: 2 });
    const proxy = await startTwemproxy({ servers: group.locations });
    const keys = Array.from({ length: 20 }, (_, index) => `key-${index}`);
    for (const key of keys) await ask(proxy.location, ['SET', key, `value of ${key}`]);
    await expect(ask(proxy.location, ['GET', 'key-7'])).resolves.toBe('value of key-7');
    const sizes = await Promise.all(group.locations.map((location) => ask(location, ['DBSIZE'])));
    expect(sizes.map(Number).reduce((sum, size) => sum + size)).toBe(keys.length);
    expect(sizes).not.toContain('0');

    await proxy.stop();
    await proxy.stop();
    expect(isAlive(proxy.pid)).toBe(false);
    await expect(ping(proxy.location)).rejects.toThrow('ECONNREFUSED');
  },
);
