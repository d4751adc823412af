import { existsSync, readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { findTwemproxy } from '../src/find-twemproxy.js';
import { startTwemproxy } from '../src/index.js';
import { Programs } from './fixtures/programs.js';

test('startTwemproxy() throws an error with the log if twemproxy exits at once, and leaves no folder behind', async () => {
  using programs = new Programs();
  programs.add('nutcracker', `echo "no luck: done, rabbit done" >log; exit 1`);
  const env = { ...programs.env, TMPDIR: programs.folder };
  await expect(startTwemproxy({ servers: ['127.0.0.1:1'], env })).rejects.toThrow('no luck');
  expect(readdirSync(programs.folder)).toEqual(['nutcracker']);
});

test('startTwemproxy() tries 20 ports if all of them are taken', async () => {
  using programs = new Programs();
  programs.add('nutcracker', `echo run >>"$LOG"; echo 'Address already in use, done, rabbit done' >log`);
  await expect(startTwemproxy({ servers: ['127.0.0.1:1'], env: programs.env })).rejects.toThrow(
    'already in use',
  );
  expect(programs.log).toHaveLength(20);
});

test('findTwemproxy() throws if twemproxy is not installed and cannot be installed', async () => {
  using programs = new Programs();
  const search = () => findTwemproxy(programs.env, false);
  // findTwemproxy() searches Debian's folders in addition to PATH.
  if (existsSync('/usr/sbin/nutcracker')) await expect(search()).resolves.toBe('/usr/sbin/nutcracker');
  else await expect(search()).rejects.toThrow('there is no nutcracker on PATH');
});
