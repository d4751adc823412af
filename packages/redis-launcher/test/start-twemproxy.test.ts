import { existsSync, readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { findTwemproxy } from '../src/find-twemproxy.js';
import { ask, ping, startRedis, startTwemproxy } from '../src/index.js';
import { Programs } from './fixtures/programs.js';
import { isAlive } from './fixtures/traces.js';

// A test does not install packages.
const hasTwemproxy = await findTwemproxy(process.env, false).then(
  () => true,
  () => false,
);

(hasTwemproxy ? test : test.skip)('passes commands on to the servers, and leaves nothing', async () => {
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
});

test('a proxy that ends at once is told with its own log, and leaves nothing', async () => {
  using programs = new Programs();
  programs.add('nutcracker', `echo "no luck: done, rabbit done" >log; exit 1`);
  const env = { ...programs.env, TMPDIR: programs.folder };
  await expect(startTwemproxy({ servers: ['127.0.0.1:1'], env })).rejects.toThrow('no luck');
  expect(readdirSync(programs.folder)).toEqual(['nutcracker']);
});

test('draws other ports when one is taken', async () => {
  using programs = new Programs();
  programs.add('nutcracker', `echo run >>"$LOG"; echo 'Address already in use, done, rabbit done' >log`);
  await expect(startTwemproxy({ servers: ['127.0.0.1:1'], env: programs.env })).rejects.toThrow(
    'already in use',
  );
  expect(programs.log).toHaveLength(20);
});

test('says why there is none', async () => {
  using programs = new Programs();
  const search = () => findTwemproxy(programs.env, false);
  // Debian's folders are searched whatever PATH says.
  if (existsSync('/usr/sbin/nutcracker')) await expect(search()).resolves.toBe('/usr/sbin/nutcracker');
  else await expect(search()).rejects.toThrow('there is no nutcracker on PATH');
});
