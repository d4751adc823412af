import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { findServer, waysToRedis } from '../src/find-server.js';
import { startRedis } from '../src/index.js';
import { Programs } from './fixtures/programs.js';

let said: jest.Spied<typeof console.error>;
beforeEach(() => {
  said = jest.spyOn(console, 'error').mockImplementation(() => {});
});
afterEach(() => said.mockRestore());

describe('the ways to Redis', () => {
  const redis = { type: 'run', command: '/bin/redis-server' };
  const valkey = { type: 'run', command: '/bin/valkey-server' };
  const apt = { type: 'install', manager: 'apt-get' };
  const brew = { type: 'install', manager: 'brew' };
  const docker = { type: 'docker' };

  test.each([
    { has: ['redis-server', 'valkey-server', 'apt-get', 'docker'], isRoot: true, ways: [redis] },
    { has: ['valkey-server', 'brew', 'docker'], isRoot: false, ways: [valkey] },
    { has: ['apt-get', 'docker'], isRoot: true, ways: [apt, docker] },
    { has: ['apt-get', 'docker'], isRoot: false, ways: [docker] },
    { has: ['apt-get'], isRoot: false, ways: [] },
    { has: ['brew', 'docker'], isRoot: false, ways: [brew, docker] },
    { has: ['brew'], isRoot: true, ways: [] },
    { has: ['apt-get', 'brew'], isRoot: true, ways: [apt] },
    { has: [], isRoot: true, ways: [] },
  ])('with $has, root: $isRoot', ({ has, isRoot, ways }) => {
    const find = (command: string) => (has.includes(command) ? `/bin/${command}` : undefined);
    expect(waysToRedis({ isRoot, find })).toEqual(ways);
  });
});

test.each([
  { manager: 'apt-get', runs: 'flock', isRoot: true },
  { manager: 'brew', runs: 'brew', isRoot: false },
])('installs with $manager and finds what is then there', async ({ manager, runs, isRoot }) => {
  using programs = new Programs();
  // The empty PATH of the stand-ins has no chmod, so the server is there from the start and gets its name.
  programs.add('unnamed', '').add(manager, '').add(runs, `/bin/mv "$PATH/unnamed" "$PATH/redis-server"`);
  await expect(findServer(programs.env, isRoot)).resolves.toEqual({
    type: 'run',
    command: join(programs.folder, 'redis-server'),
  });
  expect(said).toHaveBeenCalledWith(expect.stringContaining(`installing it with ${manager}`));
});

test('goes on to Docker when the installation fails, and takes it when it works', async () => {
  using programs = new Programs();
  programs.add('brew', 'echo "no network" >&2; exit 1').add('docker', 'exit 0');
  await expect(findServer(programs.env, false)).resolves.toEqual({ type: 'docker' });
});

test('says what was tried and what to do when every way fails', async () => {
  using programs = new Programs();
  programs.add('brew', 'echo "no network" >&2; exit 7').add('docker', 'echo "no daemon" >&2; exit 1');
  const error = await findServer(programs.env, false).catch((reason: Error) => reason.message);
  expect(error).toMatch(/brew install failed \(7\): no network/);
  expect(error).toMatch(/docker info failed \(1\): no daemon/);
  expect(error).toMatch(/install Redis or Valkey.*install Docker.*set REDIS_LOCATIONS/s);
});

test('a Docker without compose does not count', async () => {
  using programs = new Programs();
  programs.add('docker', '[ "$1" = info ]');
  await expect(findServer(programs.env, false)).rejects.toThrow('docker compose failed');
});

test('says what to do on a machine that has nothing', async () => {
  await expect(startRedis({ env: { PATH: '' } })).rejects.toThrow(
    /^Found no Redis server to start\.\nDo one of these, then run again:\n.*REDIS_LOCATIONS=host:port/s,
  );
});
