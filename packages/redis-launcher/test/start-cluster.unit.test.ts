import { expect, test } from '@jest/globals';
import { firstSlot, SLOT_COUNT, startCluster } from '../src/index.js';
import { Programs } from './fixtures/programs.js';

test('firstSlot() splits all slots between the masters without gaps', () => {
  expect([0, 1, 2, 3, 4].map((master) => firstSlot(master, 4))).toEqual([0, 4096, 8192, 12_288, SLOT_COUNT]);
  expect([0, 1, 2, 3].map((master) => firstSlot(master, 3))).toEqual([0, 5461, 10_922, SLOT_COUNT]);
});

test('startCluster() throws if only Docker is available', async () => {
  using programs = new Programs();
  programs.add('docker', 'exit 0');
  await expect(startCluster({ env: programs.env })).rejects.toThrow('not Docker');
});
