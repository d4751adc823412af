import { expect, test } from '@jest/globals';
import type { Node } from '../../src/node/node.js';
import { SupersededError } from '../../src/node/superseded.js';
import { type ServingGate, StartOver } from '../../src/sharding/start-over.js';
import { snapshotOf, Topology } from '../../src/sharding/topology.js';

const COMMAND_TIMEOUT_MS = 20;

const node = { name: 'a', epoch: 0 } as Node;

/** All calls pass. */
const gate: ServingGate = { isShut: () => false, opened: async () => undefined };

function topologyOf(only: Node, epoch = 0): Topology {
  const topology = new Topology();
  topology.replace(snapshotOf([{ node: only, weight: 1 }], { epoch }));
  return topology;
}

function startOver() {
  const isClosed = () => false;
  return new StartOver({ topology: topologyOf(node), gate, commandTimeoutMs: COMMAND_TIMEOUT_MS, isClosed });
}

/** Keeps the event loop from turning, as if the process stood still. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

// A process that stood still first reads from its sockets that the topology has changed. Then the time of the call is over,
// but no timer has told it. Callers got the internal SupersededError.
test('a call whose time is over when the topology changes rejects with CommandTimeoutError', async () => {
  const attempt = async () => {
    standStill(2 * COMMAND_TIMEOUT_MS);
    throw new SupersededError();
  };
  const call = startOver().run({ node, keys: [], isWrite: false }, attempt);
  await expect(call).rejects.toMatchObject({ code: 'DREDIS_COMMAND_TIMEOUT', node: 'a' });
});

/** A store in epoch 1, whose node is not synchronized until `wake()` resolves. */
function inEpoch1() {
  let synchronized: () => void = () => undefined;
  const woken = new Promise<void>((resolve) => {
    synchronized = resolve;
  });
  const state = { name: 'a', epoch: 1, wake: () => woken };
  const only = state as unknown as Node;
  const topology = topologyOf(only, 1);
  const calls = new StartOver({ topology, gate, commandTimeoutMs: 5000, isClosed: () => false });
  const done: string[] = [];
  const write = (name: string, superseded?: SupersededError) =>
    calls.run({ node: only, keys: ['key'], isWrite: true }, async () => void done.push(name), superseded);
  return { calls, only, state, synchronized, done, write };
}

// The bench found stale reads: a node knows its epoch before the calls that wait for the node go on.
test('a write does not overtake an earlier write that waits until their node is synchronized', async () => {
  const { state, synchronized, done, write } = inEpoch1();
  state.epoch = -1;
  const first = write('first');
  state.epoch = 1;
  const second = write('second');
  synchronized();
  await Promise.all([first, second]);
  expect(done).toEqual(['first', 'second']);
});

// The bench found stale reads: the first write was sent before the queue was in use, and the second one through the queue.
// Neither reply counted, and the second write was repeated before the first one.
test('a write that starts over in the queue waits for an earlier write that was sent without the queue', async () => {
  const { calls, only, done, write } = inEpoch1();
  let second = Promise.resolve();
  // Ends the first attempt of the second write.
  const supersede = await new Promise<(error: SupersededError) => void>((started) => {
    let attemptCount = 0;
    second = calls.run({ node: only, keys: ['key'], isWrite: true }, async () => {
      attemptCount += 1;
      if (attemptCount === 1) await new Promise((_, reject) => started(reject));
      done.push('second');
    });
  });
  // Replies come in the order of the commands.
  const first = write('first', new SupersededError());
  supersede(new SupersededError());
  await Promise.all([first, second]);
  expect(done).toEqual(['first', 'second']);
});
