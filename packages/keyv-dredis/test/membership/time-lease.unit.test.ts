import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { TimeLease } from '../../src/membership/time-lease.js';
import type { Node } from '../../src/node/node.js';
import { snapshotOf, Topology } from '../../src/sharding/topology.js';
import { timers } from '../../src/timers.js';

const LEASE_MS = 10_000;

/** A voter that holds the record of epoch 1. */
class Voter {
  readonly name: string;
  isAvailable = true;
  confirmed = Number.NEGATIVE_INFINITY;
  epoch = 1;
  /** Whether it answers. */
  answers = true;

  constructor(name: string) {
    this.name = name;
  }

  confirmedAt(epoch: number): number {
    return epoch === this.epoch ? this.confirmed : Number.NEGATIVE_INFINITY;
  }

  async confirm(): Promise<void> {
    if (this.answers) this.confirmed = timers.now();
  }
}

let voters: Voter[];
let topology: Topology;
let lease: TimeLease;

const use = (count: number, epoch = 1) => {
  const members = voters.slice(0, count).map((node) => ({ node: node as unknown as Node, weight: 1 }));
  topology.replace(snapshotOf(members, { epoch }));
};

beforeEach(() => {
  voters = Array.from({ length: 5 }, (_, index) => new Voter(`n${index}`));
  topology = new Topology();
  use(4);
  lease = new TimeLease({ topology, leaseMs: () => LEASE_MS, onChange: () => undefined });
});

afterEach(() => {
  lease.stop();
  jest.restoreAllMocks();
});

const answer = (...indexes: number[]) => {
  for (const index of indexes) (voters[index] as Voter).confirmed = timers.now();
};

describe('a time lease', () => {
  test('is held once a strict majority has answered', () => {
    answer(0, 1);
    expect(lease.isHeld(topology.snapshot)).toBe(false);
    answer(2);
    expect(lease.isHeld(topology.snapshot)).toBe(true);
  });

  test('counts only answers under the record that the process uses', () => {
    answer(0, 1, 2);
    use(4, 2);
    expect(lease.isHeld(topology.snapshot)).toBe(false);
    for (const voter of voters) voter.epoch = 2;
    expect(lease.isHeld(topology.snapshot)).toBe(true);
  });

  test('ends leaseMs after the oldest command of the newest majority was sent', () => {
    answer(0, 1, 2);
    (voters[1] as Voter).confirmed = timers.now() - LEASE_MS - 1;
    expect(lease.isHeld(topology.snapshot)).toBe(false);
    answer(3);
    expect(lease.isHeld(topology.snapshot)).toBe(true);
  });

  test('is not necessary with fewer than three voters', () => {
    use(2);
    expect(lease.isHeld(topology.snapshot)).toBe(true);
  });

  test('needs a majority of each ring while entries move', () => {
    const member = (index: number) => ({ node: voters[index] as unknown as Node, weight: 1 });
    const previous = [0, 1, 2].map(member);
    topology.replace(snapshotOf([2, 3, 4].map(member), { epoch: 1, previous }));
    answer(2, 3, 4);
    expect(lease.isHeld(topology.snapshot)).toBe(false);
    answer(1);
    expect(lease.isHeld(topology.snapshot)).toBe(true);
  });

  // The clock of timers.now() may stand still while a virtual machine is suspended.
  test('is over if the wall clock has jumped, until a majority has answered again', async () => {
    answer(0, 1, 2);
    expect(lease.isHeld(topology.snapshot)).toBe(true);
    const now = Date.now();
    jest.spyOn(Date, 'now').mockImplementation(() => now + LEASE_MS);
    expect(lease.isHeld(topology.snapshot)).toBe(false);
    expect(await lease.renew()).toBe(true);
    expect(lease.isHeld(topology.snapshot)).toBe(true);
  });

  test('cannot be renewed without a majority, and says so if the other nodes are down', async () => {
    for (const voter of voters.slice(0, 2)) voter.answers = false;
    expect(await lease.renew()).toBe(false);
    expect(lease.hasFailed).toBe(false);
    for (const voter of voters.slice(0, 2)) voter.isAvailable = false;
    expect(await lease.renew()).toBe(false);
    expect(lease.hasFailed).toBe(true);
    expect(lease.failure().message).toMatch(/^this process reaches 2 of 4 nodes, and needs 3,/);
  });
});
