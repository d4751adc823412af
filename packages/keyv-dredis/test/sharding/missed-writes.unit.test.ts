import { expect, jest, test } from '@jest/globals';
import type { Commands } from '../../src/node/commands.js';
import type { Node } from '../../src/node/node.js';
import { logged } from '../../src/sharding/missed-writes.js';
import { snapshotOf } from '../../src/sharding/topology.js';

const [a, b, c] = ['a', 'b', 'c'].map((name) => ({ name }) as Node) as [Node, Node, Node];
const away = { node: b, weight: 1, state: 'away', log: 'log' } as const;
const snapshot = snapshotOf([{ node: a, weight: 1 }, away, { node: c, weight: 1 }], { epoch: 2 });
const full = snapshotOf([a, b, c].map((node) => ({ node, weight: 1 })));
const keys = Array.from({ length: 100 }, (_, number) => `key-${number}`);
const missed = keys.find((key) => full.ring.get(key) === 'b') as string;
const own = keys.find((key) => full.ring.get(key) !== 'b') as string;

function commandsThat({ refuses }: { readonly refuses: readonly string[] }) {
  const sent: unknown[][] = [];
  const reply =
    (name: string) =>
    (...args: unknown[]) => {
      sent.push([name, ...args.slice(0, 2)]);
      return refuses.includes(name) ? Promise.reject(new Error(`OOM ${name}`)) : Promise.resolve(1);
    };
  const commands = { addMembers: reply('SADD'), unlink: reply('UNLINK'), eval: jest.fn(async () => 0) };
  return { commands: commands as unknown as Commands, sent };
}

test('a write that a node misses is logged before it is sent, and other writes are not', async () => {
  const { commands, sent } = commandsThat({ refuses: [] });
  const write = async () => void sent.push(['SET']);
  await logged(commands, [own], snapshot, write);
  expect(sent).toEqual([['SET']]);
  sent.length = 0;
  await logged(commands, [missed], snapshot, write);
  expect(sent.map(([name]) => name).sort()).toEqual(['SADD', 'SET']);
  expect(sent).toContainEqual(['SADD', '%dredis:missed:b', [`k${missed}`]]);
});

// Regression: the write was executed without its log, and the older value came back with the node.
test('if a server refuses the log, the log is removed, so that everything counts as old', async () => {
  const { commands, sent } = commandsThat({ refuses: ['SADD'] });
  await logged(commands, [missed], snapshot, async () => undefined);
  expect(sent).toContainEqual(['UNLINK', ['%dredis:missed:b']]);
});

test('if a server refuses to remove the log, too, the write fails', async () => {
  const { commands } = commandsThat({ refuses: ['SADD', 'UNLINK'] });
  await expect(logged(commands, [missed], snapshot, async () => undefined)).rejects.toThrow('OOM');
});
