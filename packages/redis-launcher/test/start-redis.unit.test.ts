import { expect, test } from '@jest/globals';
import { startRedis } from '../src/index.js';
import { serverCommand } from '../src/server-command.js';
import { Programs } from './fixtures/programs.js';

test('servers listen on loopback only', () => {
  const setup = { port: 12_345, args: [], tls: false, container: 'name' };
  expect(serverCommand({ type: 'run', command: 'server' }, setup).join(' ')).toContain(' --bind 127.0.0.1 ');
  expect(serverCommand({ type: 'docker' }, setup).join(' ')).toContain(' --publish 127.0.0.1:12345:');
});

test.each(['bind: Address already in use', 'Bind for 127.0.0.1:12345 failed: port is already allocated'])(
  'startRedis() tries another port after the error "%s"',
  async (message) => {
    using programs = new Programs();
    programs.add(
      'redis-server',
      `echo "$*" >>"$LOG"
     { read first && read second; } <"$LOG" || { echo '${message}'; exit 1; }
     echo 'Ready to accept connections'
     exec /bin/sleep 60`,
    );
    await using group = await startRedis({ count: 1, env: programs.env });
    expect(group.servers).toHaveLength(1);
    const [first, second] = programs.log.map((line) => /--port (\d+)/.exec(line)?.[1]);
    expect(second).toBe(`${group.servers[0]?.port}`);
    expect(first).not.toBe(second);
  },
);

test('startRedis() throws if all ports are taken', async () => {
  using programs = new Programs();
  programs.add('redis-server', `echo 'bind: Address already in use'; exit 1`);
  await expect(startRedis({ count: 1, env: programs.env })).rejects.toThrow('Address already in use');
});
