import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { RedisServers } from 'redis-launcher';
import { ChangeIncompleteError, ChangeLostError } from '../../src/errors/errors.js';
import { VOTE_KEY } from '../../src/format/reserved-keys.js';
import { planChange, resumeChange } from '../../src/membership/change.js';
import type { Operator } from '../../src/membership/operator.js';
import type { ChangeProgress, ChangeRunOptions, PlanOptions, Target } from '../../src/membership/plan.js';
import { targetsWith, targetsWithout, targetsWithWeights } from '../../src/membership/targets.js';
import { connectClient, type PlainClient } from '../support/clients.js';
import {
  describeNodes,
  entriesOn,
  fill,
  NO_RECOVERY,
  openOperator,
  recordOn,
  registerPrefix,
  rejection,
  startServers,
  until,
} from '../support/index.js';

const KEY_COUNT = 2000;

let redis: RedisServers;
let clients: Map<string, PlainClient>;
let four: string[];
let fifth: string;
let entries: ReadonlyMap<string, string>;

const nodesOf = (locations: readonly string[], weight = 1) => locations.map((name) => ({ name, weight }));

beforeAll(async () => {
  redis = await startServers({ count: 5 });
  four = redis.locations.slice(0, 4);
  fifth = redis.locations[4] as string;
});

beforeEach(async () => {
  clients = new Map(
    await Promise.all(redis.locations.map(async (name) => [name, await connectClient(name)] as const)),
  );
  for (const client of clients.values()) await client.flushAll();
  for (const name of four) await registerPrefix(clients.get(name) as PlainClient, 'app:');
  entries = await fill(clients, nodesOf(four), KEY_COUNT);
});

const clientOf = (name: string) => clients.get(name) as PlainClient;

const recordsOn = (names: readonly string[]) => Promise.all(names.map((name) => recordOn(clientOf(name))));

async function run(
  operator: Operator,
  target: readonly Target[],
  { plan, ...options }: ChangeRunOptions & { plan?: PlanOptions } = {},
) {
  return (await planChange(operator, target, plan)).run(options);
}

const addFifth = (operator: Operator) => targetsWith(operator, describeNodes([fifth]));

/** Expects all entries on the nodes that own them, and nowhere else, and the same settled record on all servers. */
async function expectSettled(
  epoch: number,
  nodes: readonly { name: string; weight: number }[],
  on = redis.locations,
) {
  expect(await entriesOn(new Map(on.map((name) => [name, clientOf(name)])), nodes)).toEqual({
    entries,
    orphans: [],
  });
  for (const record of await recordsOn(on)) {
    expect(record).toMatchObject({ epoch, phase: 'settled' });
    expect(record?.nodes.map(({ name, weight }) => ({ name, weight }))).toEqual(nodes);
  }
}

describe('a change', () => {
  test('adds a node: its entries move, with their times, and all nodes hold the settled record', async () => {
    const [key] = entries.keys();
    for (const client of clients.values()) await client.pExpire(key as string, 100_000);
    const operator = await openOperator(four);
    const plan = await planChange(operator, addFifth(operator));
    expect(plan).toMatchObject({ epoch: 0, isResume: false, isNoop: false, unmanaged: [] });
    expect(plan.before.map(({ name }) => name)).toEqual(four);
    expect(plan.after.map(({ name }) => name)).toEqual([...four, fifth]);
    expect(plan.movement.every(({ to }) => to === fifth)).toBe(true);
    const summary = await plan.run();
    expect(summary).toMatchObject({ epoch: 2, isStopped: false, skippedCount: 0, sweptCount: 0 });
    expect(summary.movedCount).toBe((await clientOf(fifth).dbSize()) - 2);
    await expectSettled(2, nodesOf(redis.locations));
    const ttls = await Promise.all([...clients.values()].map((client) => client.pTTL(key as string)));
    expect(Math.max(...ttls)).toBeGreaterThan(0);
  });

  test('removes a node: none of its entries is lost, and it holds the settled record, too', async () => {
    const operator = await openOperator(four);
    const rest = four.slice(1);
    const summary = await run(operator, targetsWithout(operator, [four[0] as string]));
    expect(summary).toMatchObject({ epoch: 2, isStopped: false });
    await expectSettled(2, nodesOf(rest), four);
  });

  test('changes weights', async () => {
    const operator = await openOperator(four);
    await run(operator, targetsWithWeights(operator, new Map([[four[0] as string, 3]])));
    const nodes = four.map((name, index) => ({ name, weight: index === 0 ? 3 : 1 }));
    await expectSettled(2, nodes, four);
  });

  test('adds, removes and weighs at once, and one change follows another', async () => {
    const first = await openOperator(four);
    await run(first, [
      ...targetsWithout(first, [four[0] as string]).map((target) => ({ ...target, weight: 2 })),
      ...describeNodes([fifth]),
    ]);
    // Any living node that holds the record leads to the others.
    const second = await openOperator([four[0] as string]);
    expect(second.record?.epoch).toBe(2);
    await run(second, [...second.nodes, ...describeNodes([four[0] as string])]);
    const nodes = [
      ...four.slice(1).map((name) => ({ name, weight: 2 })),
      ...nodesOf([fifth, four[0] as string]),
    ];
    await expectSettled(4, nodes);
  });

  test('grows a cache from one node to five, and shrinks it to one', async () => {
    const [only] = four as [string];
    for (const client of clients.values()) await client.flushAll();
    await registerPrefix(clientOf(only), 'app:');
    entries = await fill(clients, nodesOf([only]), KEY_COUNT);
    const growing = await openOperator([only]);
    await run(growing, targetsWith(growing, describeNodes(redis.locations.slice(1))));
    await expectSettled(2, nodesOf(redis.locations));
    const shrinking = await openOperator([only]);
    await run(shrinking, targetsWithout(shrinking, redis.locations.slice(1)));
    await expectSettled(4, nodesOf([only]));
  });

  test('sweeps old entries from nodes that will get keys, and only those with registered prefixes', async () => {
    const [key] = entries.keys();
    for (const client of clients.values()) await client.set('other:1', 'x');
    await clientOf(fifth).set(key as string, 'old');
    const operator = await openOperator(four);
    expect(await run(operator, addFifth(operator))).toMatchObject({ sweptCount: 1 });
    for (const client of clients.values()) expect(await client.getDel('other:1')).toBe('x');
    await expectSettled(2, nodesOf(redis.locations));
  });

  test('leaves keys that hold no string where they are, and counts them', async () => {
    for (const client of clients.values()) await client.flushAll();
    await registerPrefix(clientOf(four[0] as string), 'app:');
    for (let number = 0; number < 50; number += 1)
      await clientOf(four[0] as string).rPush(`app:${number}`, 'x');
    const operator = await openOperator([four[0] as string]);
    const summary = await run(operator, targetsWith(operator, describeNodes([fifth])));
    expect(summary.movedCount).toBe(0);
    expect(summary.skippedCount).toBeGreaterThan(5);
    expect(await clientOf(four[0] as string).keys('app:*')).toHaveLength(50);
  });

  test('does nothing if the nodes are as wanted', async () => {
    const operator = await openOperator(four);
    const plan = await planChange(operator, operator.nodes);
    expect(plan).toMatchObject({ isNoop: true, movement: [] });
    expect(await plan.run()).toMatchObject({ epoch: 0, movedCount: 0, isStopped: false });
    expect(await recordsOn(four)).toEqual([undefined, undefined, undefined, undefined]);
    expect(await resumeChange(operator)).toBeUndefined();
  });

  test('tells its progress', async () => {
    const operator = await openOperator(four);
    const reports: ChangeProgress[] = [];
    await run(operator, addFifth(operator), {
      onProgress: (progress) => {
        reports.push(progress);
        throw new Error('a broken progress bar');
      },
    });
    const phases = reports.map(({ phase }) => phase);
    expect([...new Set(phases)]).toEqual(['sweeping', 'moving', 'settled']);
    const last = reports.at(-1) as ChangeProgress;
    expect(last.epoch).toBe(2);
    expect(last.sources.map(({ node }) => node).sort()).toEqual([...four].sort());
    expect(last.sources.every(({ isDone, fraction }) => isDone && fraction === 1)).toBe(true);
    expect(last.movedCount).toBe(last.sources.reduce((sum, { movedCount }) => sum + movedCount, 0));
    expect(last.movedCount).toBe((await clientOf(fifth).dbSize()) - 2);
  });

  test('keeps to the maximum rate', async () => {
    const operator = await openOperator(four);
    const startedAt = performance.now();
    const { movedCount } = await run(operator, addFifth(operator), { maxKeysPerSecond: 400 });
    const seconds = (performance.now() - startedAt) / 1000;
    expect(movedCount / seconds).toBeLessThan(600);
  });
});

describe('a change that is stopped', () => {
  /** Stops while entries move. */
  async function stopMoving(operator: Operator, target: readonly Target[]) {
    const controller = new AbortController();
    return run(operator, target, {
      signal: controller.signal,
      maxKeysPerSecond: 500,
      onProgress: ({ phase, movedCount }) => {
        if (phase === 'moving' && movedCount > 20) controller.abort();
      },
    });
  }

  test('stays unfinished, and another operator finishes it', async () => {
    const operator = await openOperator(four);
    const summary = await stopMoving(operator, addFifth(operator));
    expect(summary).toMatchObject({ epoch: 1, isStopped: true });
    expect(summary.movedCount).toBeLessThan(300);
    for (const record of await recordsOn(redis.locations))
      expect(record).toMatchObject({ epoch: 1, phase: 'moving' });

    const other = await openOperator([fifth]);
    const plan = await resumeChange(other);
    expect(plan).toMatchObject({ epoch: 1, isResume: true, isNoop: false });
    expect(plan?.before.map(({ name }) => name)).toEqual(four);
    expect(await plan?.run()).toMatchObject({ epoch: 2, isStopped: false });
    await expectSettled(2, nodesOf(redis.locations));
    expect(await resumeChange(await openOperator(four))).toBeUndefined();
  });

  test('is finished first by the next change', async () => {
    const operator = await openOperator(four);
    await stopMoving(operator, addFifth(operator));
    const other = await openOperator(four);
    const plan = await planChange(other, targetsWithout(other, [four[1] as string]));
    expect(plan.isResume).toBe(true);
    expect(await plan.run()).toMatchObject({ epoch: 4, isStopped: false });
    await expectSettled(4, nodesOf(redis.locations.filter((name) => name !== four[1])));
  });

  test('has changed nothing if it is stopped before it is decided', async () => {
    const operator = await openOperator(four);
    const summary = await run(operator, addFifth(operator), { signal: AbortSignal.abort() });
    expect(summary).toMatchObject({ epoch: 0, movedCount: 0, isStopped: true });
    expect(await recordsOn(four)).toEqual([undefined, undefined, undefined, undefined]);
  });
});

describe('several operators', () => {
  test('of whom each wants another change: one wins, and the others have changed nothing', async () => {
    const operators = await Promise.all([1, 2, 3, 4].map(() => openOperator(four)));
    const plans = await Promise.all(
      operators.map((operator, index) =>
        planChange(operator, targetsWithout(operator, [four[index] as string])),
      ),
    );
    const results = await Promise.allSettled(plans.map((plan) => plan.run()));
    const winners = results.flatMap((result, index) => (result.status === 'fulfilled' ? [index] : []));
    expect(winners).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'fulfilled') continue;
      expect(result.reason).toBeInstanceOf(ChangeLostError);
      expect((result.reason as Error).message).toMatch(
        /^Another process has changed the topology meanwhile: the cache is in epoch \d, (moving to|settled on) the nodes .* This change has changed nothing$/,
      );
    }
    await expectSettled(2, nodesOf(four.filter((_, index) => index !== winners[0])), four);
  });

  test('that resume the same change: all entries arrive, and each is told how it ended', async () => {
    const first = await openOperator(four);
    const controller = new AbortController();
    await run(first, addFifth(first), {
      signal: controller.signal,
      onProgress: ({ phase }) => {
        if (phase === 'moving') controller.abort();
      },
    });
    const plans = await Promise.all([1, 2, 3].map(async () => resumeChange(await openOperator(four))));
    const results = await Promise.allSettled(plans.map((plan) => plan?.run()));
    expect(results.some(({ status }) => status === 'fulfilled')).toBe(true);
    for (const result of results) {
      if (result.status === 'rejected') {
        expect((result.reason as Error).message).toMatch(
          /^Another process has finished this change: the cache is in epoch 2/,
        );
      }
    }
    await expectSettled(2, nodesOf(redis.locations));
  });

  test('of whom one pauses while another finishes its change and makes two more: it is told, and harms nothing', async () => {
    const paused = await openOperator(four);
    let resume = () => {};
    const isResumed = new Promise<void>((resolve) => {
      resume = resolve;
    });
    let isMoving = () => {};
    const moving = new Promise<void>((resolve) => {
      isMoving = resolve;
    });
    for (const name of four) {
      const node = paused.node(name);
      const original = node.run.bind(node);
      node.run = (request, options) =>
        isHalted ? isResumed.then(() => original(request, options)) : original(request, options);
    }
    let isHalted = false;
    const outcome = rejection(
      run(paused, addFifth(paused), {
        maxKeysPerSecond: 500,
        onProgress: ({ phase, movedCount }) => {
          if (phase !== 'moving' || movedCount < 20) return;
          isHalted = true;
          isMoving();
        },
      }),
    );
    await moving;
    await (await resumeChange(await openOperator(four)))?.run();
    const next = await openOperator(four);
    await run(next, targetsWithout(next, [fifth]));
    resume();
    const error = await outcome;
    expect(error).toBeInstanceOf(ChangeLostError);
    expect(error.message).toBe(
      `Another process has changed the topology meanwhile: the cache is in epoch 4, settled on the nodes ${four.join(', ')}. ` +
        'This change was finished by another process before that',
    );
    await expectSettled(4, nodesOf(four));
  });
});

describe('a change during an outage', () => {
  test('goes on if a server is away for a moment, and comes back empty', async () => {
    const server = redis.servers[4];
    const operator = await openOperator(four);
    let killed: Promise<void> | undefined;
    await run(operator, addFifth(operator), {
      maxKeysPerSecond: 1000,
      onProgress: ({ movedCount }) => {
        if (movedCount > 50) killed ??= server?.kill().then(() => server.start());
      },
    });
    await killed;
    clients.set(fifth, await connectClient(fifth));
    const { entries: found, orphans } = await entriesOn(clients, nodesOf(redis.locations));
    expect(orphans).toEqual([]);
    expect(found.size).toBeGreaterThan(KEY_COUNT * 0.7);
    for (const record of await recordsOn(redis.locations))
      expect(record).toMatchObject({ epoch: 2, phase: 'settled' });
  });

  test('does not move entries of a server that has restarted until it is recovered', async () => {
    const removed = four[0] as string;
    const admin = clientOf(removed);
    let isRestarted = false;
    const operator = await openOperator(
      four,
      {},
      {
        ...NO_RECOVERY,
        beforeServing: async ({ name }) => {
          if (name !== removed || !isRestarted) return;
          // A recovery with the policy 'purge' takes a while.
          await new Promise((resolve) => setTimeout(resolve, 1500));
          await admin.unlink(await admin.keys('app:*'));
        },
      },
    );
    let countBefore = Number.POSITIVE_INFINITY;
    const summary = await run(operator, targetsWithout(operator, [removed]), {
      maxKeysPerSecond: 200,
      onProgress: ({ movedCount }) => {
        if (movedCount < 20 || isRestarted) return;
        isRestarted = true;
        countBefore = movedCount;
        // Between two pages, so that no command fails.
        setTimeout(() => admin.sendCommand(['CLIENT', 'KILL', 'TYPE', 'NORMAL', 'SKIPME', 'YES']), 50);
      },
    });
    expect(summary.isStopped).toBe(false);
    // Four pages of 20 keys were in flight.
    expect(summary.movedCount - countBefore).toBeLessThanOrEqual(100);
  });

  test('stops with advice if a server stays away, and is resumed when it is back', async () => {
    const server = redis.servers[4];
    const operator = await openOperator(four);
    let killed: Promise<void> | undefined;
    const error = await rejection(
      run(operator, addFifth(operator), {
        maxKeysPerSecond: 1000,
        onProgress: ({ movedCount }) => {
          if (movedCount > 50) killed ??= server?.kill();
        },
      }),
    );
    await killed;
    expect(error).toBeInstanceOf(ChangeIncompleteError);
    expect(error.message).toMatch(
      new RegExp(
        `^The change has stopped before its end: Node ${fifth} is unavailable: .* The cache works meanwhile, in epoch 1, .* ` +
          'Resume the change when all nodes can be reached\\. If a node is gone for good, remove it as lost$',
      ),
    );
    expect(error.node).toBe(fifth);
    await server?.start();
    clients.set(fifth, await connectClient(fifth));
    await (await resumeChange(await openOperator(four)))?.run();
    expect((await entriesOn(clients, nodesOf(redis.locations))).orphans).toEqual([]);
    for (const record of await recordsOn(redis.locations))
      expect(record).toMatchObject({ epoch: 2, phase: 'settled' });
  });
});

describe('a server that dies between a decision and its spread', () => {
  /** Lets a server die before an operator's next command, once the next epoch is decided, and all later ones. */
  function killOnceDecided(operator: Operator, name: string, epoch: number) {
    const server = redis.servers[redis.locations.indexOf(name)];
    const node = operator.node(name);
    const send = node.run.bind(node);
    let killed: Promise<void> | undefined;
    node.run = async (request, options) => {
      const vote = JSON.parse((await clientOf(four[0] as string).get(VOTE_KEY)) ?? '{}');
      if (vote.epoch === epoch && vote.value !== '') killed ??= server?.kill();
      await killed;
      return send(request, options);
    };
  }

  const restart = async (name: string) => {
    await redis.servers[redis.locations.indexOf(name)]?.start();
    clients.set(name, await connectClient(name));
  };

  test('a new node: the change stops, and is resumed when the node is back', async () => {
    const operator = await openOperator(four);
    const plan = await planChange(operator, addFifth(operator));
    killOnceDecided(operator, fifth, 1);
    const error = await rejection(plan.run());
    expect(error).toBeInstanceOf(ChangeIncompleteError);
    expect(error.message).toContain(
      'The cache works meanwhile, in epoch 1, between its nodes before and after',
    );
    for (const record of await recordsOn(four)) expect(record).toMatchObject({ epoch: 1, phase: 'moving' });
    await restart(fifth);
    await (await resumeChange(await openOperator(four)))?.run();
    await expectSettled(2, nodesOf(redis.locations));
  });

  test('a node that leaves: the change is settled on all others', async () => {
    const leaving = four[3] as string;
    const rest = four.slice(0, 3);
    const operator = await openOperator(four);
    killOnceDecided(operator, leaving, 2);
    const error = await rejection(run(operator, targetsWithout(operator, [leaving])));
    expect(error.message).toMatch(
      new RegExp(
        `^The change has stopped before its end: Node ${leaving} is unavailable: .* The cache is in epoch 2\\.`,
      ),
    );
    await expectSettled(2, nodesOf(rest), rest);
    await restart(leaving);
    // The server came back empty. As a seed, it is ignored.
    const next = await openOperator([leaving, ...rest]);
    expect(next.record).toMatchObject({ epoch: 2, phase: 'settled' });
    expect(await resumeChange(next)).toBeUndefined();
  });
});

describe('lost nodes', () => {
  const lostKeysOf = async (names: readonly string[]) => {
    const keys = await Promise.all(names.map((name) => clientOf(name).keys('app:*')));
    return new Set(keys.flat());
  };

  test('are removed, and their keys become misses', async () => {
    const lost = four[2] as string;
    const rest = four.filter((name) => name !== lost);
    const gone = await lostKeysOf([lost]);
    // An old entry of a lost key must not come back.
    const [key] = gone;
    for (const name of rest) await clientOf(name).set(key as string, 'old');
    await redis.servers[2]?.kill();
    const operator = await openOperator(four);
    expect(operator.problems.map(({ node }) => node)).toEqual([lost]);
    const plan = await planChange(operator, targetsWithout(operator, [lost]), { lost: new Set([lost]) });
    expect(await plan.run()).toMatchObject({ epoch: 2, movedCount: 0, sweptCount: 3, isStopped: false });
    const living = new Map(rest.map((name) => [name, clientOf(name)]));
    const { entries: found, orphans } = await entriesOn(living, nodesOf(rest));
    expect(orphans).toEqual([]);
    expect(found).toEqual(new Map([...entries].filter(([each]) => !gone.has(each))));
    for (const record of await recordsOn(rest)) expect(record).toMatchObject({ epoch: 2, phase: 'settled' });
  });

  test('during a change: the change goes on without them', async () => {
    const first = await openOperator(four);
    const controller = new AbortController();
    const changed = run(first, [...targetsWithout(first, [four[0] as string]), ...describeNodes([fifth])], {
      signal: controller.signal,
      maxKeysPerSecond: 500,
    });
    await until(async () => (await lostKeysOf([fifth])).size > 0);
    controller.abort();
    await changed;
    const gone = await lostKeysOf([fifth]);
    await redis.servers[4]?.kill();
    const operator = await openOperator(four);
    const plan = await resumeChange(operator, { lost: new Set([fifth]) });
    expect(await plan?.run()).toMatchObject({ epoch: 4, isStopped: false });
    const rest = four.slice(1);
    const { entries: found, orphans } = await entriesOn(
      new Map(four.map((name) => [name, clientOf(name)])),
      nodesOf(rest),
    );
    expect(orphans).toEqual([]);
    expect(found).toEqual(new Map([...entries].filter(([key]) => !gone.has(key))));
  });

  test('that were just added: the change is undone, without moving anything that is where it was', async () => {
    const first = await openOperator(four);
    const controller = new AbortController();
    await run(first, addFifth(first), {
      signal: controller.signal,
      maxKeysPerSecond: 500,
      onProgress: ({ movedCount }) => {
        if (movedCount > 20) controller.abort();
      },
    });
    const gone = await lostKeysOf([fifth]);
    await redis.servers[4]?.kill();
    const operator = await openOperator(four);
    const plan = await planChange(operator, targetsWithout(operator, [fifth]), { lost: new Set([fifth]) });
    expect(await plan.run()).toMatchObject({ epoch: 3, movedCount: 0, isStopped: false });
    const { entries: found, orphans } = await entriesOn(
      new Map(four.map((name) => [name, clientOf(name)])),
      nodesOf(four),
    );
    expect(orphans).toEqual([]);
    expect(found).toEqual(new Map([...entries].filter(([key]) => !gone.has(key))));
  });
});
