import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { findServer, serverSources } from '../src/find-server.js';
import { startRedis } from '../src/index.js';
import { Programs } from './fixtures/programs.js';

let consoleError: jest.Spied<typeof console.error>;
beforeEach(() => {
  consoleError = jest.spyOn(console, 'error').mockImplementation(() => {});
});
afterEach(() => consoleError.mockRestore());

describe('serverSources() returns sources in the order in which to try them', () => {
  const redis = { type: 'run', command: '/bin/redis-server' };
  const valkey = { type: 'run', command: '/bin/valkey-server' };
  const apt = { type: 'install', manager: 'apt-get' };
  const brew = { type: 'install', manager: 'brew' };
  const docker = { type: 'docker' };

  test.each([
    { has: ['redis-server', 'valkey-server', 'apt-get', 'docker'], isRoot: true, sources: [redis] },
    { has: ['valkey-server', 'brew', 'docker'], isRoot: false, sources: [valkey] },
    { has: ['apt-get', 'docker'], isRoot: true, sources: [apt, docker] },
    { has: ['apt-get', 'docker'], isRoot: false, sources: [docker] },
    { has: ['apt-get'], isRoot: false, sources: [] },
    { has: ['brew', 'docker'], isRoot: false, sources: [brew, docker] },
    { has: ['brew'], isRoot: true, sources: [] },
    { has: ['apt-get', 'brew'], isRoot: true, sources: [apt] },
    { has: [], isRoot: true, sources: [] },
  ])('with commands $has and isRoot $isRoot', ({ has, isRoot, sources }) => {
    const find = (command: string) => (has.includes(command) ? `/bin/${command}` : undefined);
    expect(serverSources({ isRoot, find })).toEqual(sources);
  });
});

test.each([
  { manager: 'apt-get', runs: 'flock', isRoot: true },
  { manager: 'brew', runs: 'brew', isRoot: false },
])(
  'findServer() installs Redis with $manager and returns the installed program',
  async ({ manager, runs, isRoot }) => {
    using programs = new Programs();
    // There is no chmod on this PATH, so the fake installation renames an existing executable.
    programs.add('unnamed', '').add(manager, '').add(runs, `/bin/mv "$PATH/unnamed" "$PATH/redis-server"`);
    await expect(findServer(programs.env, isRoot)).resolves.toEqual({
      type: 'run',
      command: join(programs.folder, 'redis-server'),
    });
    expect(consoleError).toHaveBeenCalledWith(expect.stringContaining(`installing it with ${manager}`));
  },
);

test('findServer() returns Docker if the installation fails', async () => {
  using programs = new Programs();
  programs.add('brew', 'echo "no network" >&2; exit 1').add('docker', 'exit 0');
  await expect(findServer(programs.env, false)).resolves.toEqual({ type: 'docker' });
});

test('findServer() throws an error with all failed attempts and advice if every source fails', async () => {
  using programs = new Programs();
  programs.add('brew', 'echo "no network" >&2; exit 7').add('docker', 'echo "no daemon" >&2; exit 1');
  const error = await findServer(programs.env, false).catch((reason: Error) => reason.message);
  expect(error).toMatch(/brew install failed \(7\): no network/);
  expect(error).toMatch(/docker info failed \(1\): no daemon/);
  expect(error).toMatch(/install Redis or Valkey.*install Docker.*set REDIS_LOCATIONS/s);
});

test('findServer() rejects Docker without Compose', async () => {
  using programs = new Programs();
  programs.add('docker', '[ "$1" = info ]');
  await expect(findServer(programs.env, false)).rejects.toThrow('docker compose failed');
});

test('startRedis() throws an error with advice if there is no way to get a Redis server', async () => {
  await expect(startRedis({ env: { PATH: '' } })).rejects.toThrow(
    /^Found no Redis server to start\.\nDo one of these, then try again:\n.*REDIS_LOCATIONS=host:port/s,
  );
});
