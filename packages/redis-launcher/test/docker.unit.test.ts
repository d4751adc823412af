import { expect, test } from '@jest/globals';
import { type RedisServer, startRedis } from '../src/index.js';
import { Programs } from './fixtures/programs.js';

/** A fake docker: logs its arguments, runs a "server" forever, and succeeds for any other command. */
const DOCKER = `
echo "$@" >>"$LOG"
case "$*" in
  *redis-server*) echo 'Ready to accept connections'; exec /bin/sleep 60 ;;
esac`;

test('if only Docker is available, servers run as containers from compose.yaml', async () => {
  using programs = new Programs();
  programs.add('docker', DOCKER);
  const group = await startRedis({ count: 1, args: ['--maxmemory', '1mb'], env: programs.env });
  const server = group.servers[0] as RedisServer;
  const [run = ''] = programs.log.slice(-1);
  const [, name = ''] = /--name (\S+)/.exec(run) ?? [];
  expect(run).toMatch(/^compose --file \/.*\/compose\.yaml run --rm -T --name redis-launcher-\w+-0 /);
  expect(run).toContain(` --publish 127.0.0.1:${server.port}:6379 redis-1 redis-server `);
  expect(run).toContain(' --protected-mode no --port 6379 ');
  expect(run).toContain(' --maxmemory 1mb ');

  await server.pause();
  expect(programs.log.at(-1)).toBe(`pause ${name}`);
  await server.resume();
  expect(programs.log.at(-1)).toBe(`unpause ${name}`);
  await server.kill();
  expect(programs.log.at(-1)).toBe(`rm --force --volumes ${name}`);
  await server.start();
  expect(programs.log.at(-1)).toBe(run);
  await group.stop();
  expect(programs.log.at(-1)).toBe(`rm --force --volumes ${name}`);
});

test('a container that was created but did not start is removed before the next attempt', async () => {
  using programs = new Programs();
  programs.add(
    'docker',
    `echo "$@" >>"$LOG"
     case "$*" in *redis-server*)
       [ -e "$LOG.tried" ] || { : >"$LOG.tried"; echo 'port is already allocated'; exit 125; }
       echo 'Ready to accept connections'
       exec /bin/sleep 60 ;;
     esac`,
  );
  await using _ = await startRedis({ count: 1, env: programs.env });
  const verbs = programs.log.slice(['info', 'compose version'].length).map((line) => line.split(' ')[0]);
  expect(verbs).toEqual(['compose', 'rm', 'compose']);
});
