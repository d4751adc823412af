import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { HashRing } from 'hash-ring';
import { renderRing } from 'hash-ring/svg';
import { recordsOf, runCli } from '../support/cli.js';
import { makeTemporaryFolder } from '../support/index.js';

const THREE = 'a:1,b:1,c:1';
const FOUR = `${THREE},d:1`;

const ringOf = (locations: string) => new HashRing(locations.split(','));

describe('keyv-dredis ring', () => {
  test('shows the share of each node, without connecting to it', async () => {
    const { status, stdout, stderr } = await runCli(['ring', '--nodes', THREE]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const share = (node: string) => ((ringOf(THREE).shares().get(node) as number) * 100).toFixed(1);
    for (const node of ['a:1', 'b:1', 'c:1']) {
      expect(stdout).toMatch(new RegExp(`^${node} +1 +${share(node)} % +33\\.3 %$`, 'm'));
    }
  });

  test('takes the nodes from DREDIS_NODES, and --nodes wins', async () => {
    const env = { DREDIS_NODES: THREE };
    expect((await runCli(['ring'], env)).stdout).toContain('c:1');
    expect((await runCli(['ring', '--nodes', 'x:1'], env)).stdout).not.toContain('c:1');
  });

  test('takes names and weights from a list in JSON', async () => {
    const nodes = [{ url: 'redis://user:secret@a', name: 'heavy', weight: 3 }, 'b:1'];
    const result = await runCli(['ring', '--json', '--nodes', JSON.stringify(nodes)]);
    expect(recordsOf(result)).toMatchObject([
      {
        nodes: [
          { node: 'heavy', weight: 3, idealShare: 0.75 },
          { node: 'b:1', weight: 1, idealShare: 0.25 },
        ],
      },
    ]);
    expect(result.stdout).not.toContain('secret');
  });

  test('shows with --with what a change would move', async () => {
    const movement = ringOf(THREE).movement(ringOf(FOUR));
    const { status, stdout } = await runCli(['ring', '--nodes', THREE, '--with', FOUR]);
    expect(status).toBe(0);
    expect(stdout).toContain(`${(movement.fraction * 100).toFixed(1)} % of the keys get another owner`);
    expect(stdout.match(/^[abc]:1 +d:1 +\d+\.\d %$/gm)).toHaveLength(3);

    const [record] = recordsOf(await runCli(['ring', '--json', '--nodes', THREE, '--with', FOUR]));
    expect(record).toMatchObject({
      fingerprint: ringOf(THREE).fingerprint(),
      next: {
        fingerprint: ringOf(FOUR).fingerprint(),
        movedShare: movement.fraction,
        moves: movement.flows.map(({ from, to, fraction }) => ({ from, to, share: fraction })),
      },
    });
  });

  test('draws the ring and the change into the file of --svg', async () => {
    const file = join(await makeTemporaryFolder('dredis-ring-'), 'ring.svg');
    expect((await runCli(['ring', '--nodes', THREE, '--with', FOUR, '--svg', file])).status).toBe(0);
    expect(await readFile(file, 'utf8')).toBe(renderRing(ringOf(THREE), ringOf(FOUR)));
  });

  test.each([
    ['no nodes', ['ring'], 'Pass --nodes'],
    ['an empty entry in --nodes', ['ring', '--nodes', 'a,,b'], '--nodes: locations[1] is empty'],
    ['the same node twice', ['ring', '--nodes', 'a,a'], 'two nodes named "a:6379"'],
    [
      'a location in --with that is not allowed',
      ['ring', '--nodes', 'a', '--with', 'b:x'],
      '--with: locations[0]',
    ],
    [
      'a file in --svg that cannot be written',
      ['ring', '--nodes', 'a', '--svg', '/no/such/folder/x'],
      '--svg',
    ],
    ['a database that is no number', ['ring', '--nodes', 'a', '--database', '-1'], 'whole number from 0'],
    ['an argument', ['ring', '--nodes', 'a', 'b'], 'too many arguments'],
    ['an unknown option', ['ring', '--node', 'a'], "unknown option '--node'"],
    ['an unknown command', ['rimg'], 'Did you mean ring?'],
    ['no command', [], 'Usage: keyv-dredis'],
  ])('refuses %s with exit status 2', async (_title, args, message) => {
    const { status, stdout, stderr } = await runCli(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(message);
  });

  test('prints wrong usage as a record with --json', async () => {
    const result = await runCli(['ring', '--json']);
    expect({ status: result.status, stderr: result.stderr }).toEqual({ status: 2, stderr: '' });
    expect(recordsOf(result)).toEqual([{ type: 'error', message: expect.stringContaining('--nodes') }]);
  });
});

describe('a password in a wrong command line never shows:', () => {
  test.each([
    [['ring', '--nodes', 'redis://user:hunter2@host:x']],
    [['ring', '--nodes', '[{"url":"redis://user:hunter2@host"']],
    [['ring', '--nodes', 'a', 'redis://user:hunter2@host']],
    [['redis://user:hunter2@host']],
    [['user:hunter2@host']],
    [['ring', '--password=hunter2']],
    [['ring', '--database', 'redis://:hunter2@host']],
    [['ring', '--nodes', 'a', '--with', 'user:hunter2@host']],
  ])('%j', async (args) => {
    const { status, stdout, stderr } = await runCli(args);
    expect(status).toBe(2);
    expect(stderr).not.toBe('');
    expect(stdout + stderr).not.toContain('hunter2');
  });
});

describe('keyv-dredis --help', () => {
  test('lists the commands and the exit statuses', async () => {
    const { status, stdout } = await runCli(['--help']);
    expect(status).toBe(0);
    expect(stdout).toContain('ring [options]');
    expect(stdout).toContain('Exit status: 0 fine');
  });

  test('of a command has examples', async () => {
    const { status, stdout } = await runCli(['ring', '--help']);
    expect(status).toBe(0);
    expect(stdout).toContain('keyv-dredis ring --nodes 10.0.0.1,10.0.0.2');
  });

  test('the option --version prints the version of the package', async () => {
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
    expect((await runCli(['--version'])).stdout).toBe(`${version}\n`);
  });
});
