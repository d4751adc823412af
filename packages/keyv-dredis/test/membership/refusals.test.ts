import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { RedisServers } from 'redis-launcher';
import { ChangeRefusedError } from '../../src/errors/errors.js';
import { TOPOLOGY_KEY, VOTE_KEY } from '../../src/format/reserved-keys.js';
import { planChange, resumeChange } from '../../src/membership/change.js';
import type { Operator } from '../../src/membership/operator.js';
import type { PlanOptions, Target } from '../../src/membership/plan.js';
import { formatRecord } from '../../src/membership/record.js';
import { targetsWith, targetsWithout, targetsWithWeights } from '../../src/membership/targets.js';
import { connectClient, type PlainClient } from '../support/clients.js';
import {
  contentsOf,
  describeNodes,
  makeRecord,
  openOperator,
  recordedNodes,
  registerPrefix,
  rejection,
  startBlackHole,
  startServer,
  startServers,
  startStub,
} from '../support/index.js';

let redis: RedisServers;
let clients: PlainClient[];
let three: string[];
let fourth: string;
let untouched: readonly string[];

beforeAll(async () => {
  redis = await startServers({ count: 4 });
  three = redis.locations.slice(0, 3);
  fourth = redis.locations[3] as string;
});

beforeEach(async () => {
  clients = await Promise.all(redis.locations.map((location) => connectClient(location)));
  for (const client of clients) {
    await client.flushAll();
    await client.set('app:key', 'value');
  }
  await registerPrefix(clients[0] as PlainClient, 'app:');
});

/** Expects that planning is refused, and has written nothing. @returns the message */
async function refusal(plan: () => Promise<unknown>, others: readonly PlainClient[] = []): Promise<string> {
  const all = [...clients, ...others];
  untouched = await contentsOf(all);
  const error = await rejection(plan());
  expect(error).toBeInstanceOf(ChangeRefusedError);
  expect(error.code).toBe('DREDIS_CHANGE_REFUSED');
  expect(await contentsOf(all)).toEqual(untouched);
  return error.message;
}

/** Plans a change of a cache with three nodes. */
const planOf =
  (target: (operator: Operator) => readonly Target[], options: PlanOptions = {}, seeds = three) =>
  async () => {
    const operator = await openOperator(seeds);
    return planChange(operator, target(operator), options);
  };

const adding = (...locations: Parameters<typeof describeNodes>[0]) =>
  planOf((operator) => targetsWith(operator, describeNodes(locations)));

const raiseTo = async (locations: readonly string[], record: ReturnType<typeof makeRecord>) => {
  for (const location of locations) {
    await clients[redis.locations.indexOf(location)]?.set(TOPOLOGY_KEY, formatRecord(record));
  }
};

describe('a new node is refused', () => {
  test('if nothing listens there', async () => {
    expect(await refusal(adding('127.0.0.1:1'))).toBe(
      'Node 127.0.0.1:1 is unavailable: connect ECONNREFUSED 127.0.0.1:1 (start the server, or correct the host or the ' +
        'port of its location)',
    );
  });

  test('if it does not answer', async () => {
    const { location } = await startBlackHole();
    expect(await refusal(adding(location))).toMatch(
      new RegExp(`^Node ${location} is unavailable: .*1000 ms`),
    );
  });

  test('if it is not Redis', async () => {
    const { location } = await startStub((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    expect(await refusal(adding(location))).toMatch(new RegExp(`^Node ${location} is unavailable: .*Redis`));
  });

  test('if it holds the record of another cache', async () => {
    await raiseTo([fourth], makeRecord(3, ['10.0.0.1:6379', '10.0.0.2:6379'], { cache: 'other' }));
    const sentence = `Node ${fourth} holds the topology record of another cache, with the nodes 10.0.0.1:6379, 10.0.0.2:6379`;
    expect(await refusal(adding(fourth))).toBe(sentence);
    await raiseTo(three, makeRecord(5, three));
    expect(await refusal(adding(fourth))).toBe(sentence);
  });

  test('if it holds a record that this version cannot use', async () => {
    await clients[3]?.set(TOPOLOGY_KEY, '{"format":2}');
    expect(await refusal(adding(fourth))).toMatch(
      new RegExp(
        `^Node ${fourth} cannot be used: its topology record has the format 2, .*update keyv-dredis$`,
      ),
    );
  });

  test('if it holds a newer record of this cache', async () => {
    await raiseTo(three, makeRecord(3, three));
    await raiseTo([fourth], makeRecord(4, [...three, fourth]));
    expect(await refusal(adding(fourth))).toBe(
      `Node ${fourth} holds a newer topology record, of epoch 4; start again with it`,
    );
  });

  test('if it is a replica', async () => {
    const { host, port } = redis.servers[0] as (typeof redis.servers)[0];
    const replica = await startServer('--replicaof', `${host} ${port}`);
    expect(await refusal(adding(replica.location))).toBe(
      `Node ${replica.location} is a replica; use the location of its primary (${host}:${port})`,
    );
  });

  test('if it is a member of a Redis Cluster', async () => {
    const member = await startServer('--cluster-enabled', 'yes');
    expect(await refusal(adding(member.location))).toBe(
      `Node ${member.location} is a member of a Redis Cluster, and each node must be an independent server`,
    );
  });

  test('if it is there already', async () => {
    expect(await refusal(adding(three[1] as string))).toBe(`Node ${three[1]} is already in the cache`);
    expect(await refusal(adding(...three.slice(0, 2)))).toBe(
      `Nodes ${three[0]}, ${three[1]} are already in the cache`,
    );
  });

  test('if it is there under another name', async () => {
    const { port } = redis.servers[1] as (typeof redis.servers)[1];
    expect(await refusal(adding(`localhost:${port}`))).toBe(
      `Node localhost:${port} is the same server as node ${three[1]}`,
    );
  });

  test('if its user may not write the record', async () => {
    await clients[3]?.sendCommand([
      ...['ACL', 'SETUSER', 'app', 'on', '>pw', '+@all', '~app:*', '%R~%dredis:*'],
    ]);
    const message = await refusal(
      adding({ host: '127.0.0.1', port: redis.servers[3]?.port, username: 'app', password: 'pw' }),
    );
    expect(message).toMatch(
      new RegExp(`^Node ${fourth} does not let this user change the topology: NOPERM .*ACL line`),
    );
    expect(message).not.toContain('pw');
  });

  test('if its server accepts no writes', async () => {
    await clients[3]?.configSet({ maxmemory: '1', 'maxmemory-policy': 'noeviction' });
    expect(await refusal(adding(fourth))).toMatch(
      new RegExp(`^Node ${fourth} does not let this user change the topology: .*OOM`),
    );
    await clients[3]?.configSet({ maxmemory: '0' });
  });

  test('with all reasons, if several are refused', async () => {
    const { host, port } = redis.servers[0] as (typeof redis.servers)[0];
    const replica = await startServer('--replicaof', `${host} ${port}`);
    const message = await refusal(adding(replica.location, `localhost:${port}`));
    expect(message).toBe(
      `Node ${replica.location} is a replica; use the location of its primary (${host}:${port}); ` +
        `Node localhost:${port} is the same server as node ${three[0]}`,
    );
  });
});

describe('a change is refused', () => {
  test('if a name is not there', async () => {
    expect(await refusal(planOf((operator) => targetsWithout(operator, ['nobody'])))).toBe(
      `Node nobody is not in the cache, whose nodes are ${three.join(', ')}`,
    );
    expect(
      await refusal(
        planOf((operator) =>
          targetsWithWeights(
            operator,
            new Map([
              ['x', 1],
              ['y', 1],
            ]),
          ),
        ),
      ),
    ).toBe(`Nodes x, y are not in the cache, whose nodes are ${three.join(', ')}`);
    expect(await refusal(planOf(() => [{ name: 'nobody', weight: 1 }]))).toBe(
      `Node nobody is not in the cache, whose nodes are ${three.join(', ')}`,
    );
  });

  test('if it removes the last node', async () => {
    const sentence = 'The last node cannot be removed. Add another node first';
    expect(await refusal(planOf((operator) => targetsWithout(operator, three)))).toBe(sentence);
    expect(await refusal(planOf(() => []))).toBe(sentence);
  });

  test.each([-1, Number.NaN, 1001, Number.POSITIVE_INFINITY])('if a weight is %p', async (weight) => {
    expect(
      await refusal(
        planOf((operator) => targetsWithWeights(operator, new Map([[three[0] as string, weight]]))),
      ),
    ).toBe(`The weight of node ${three[0]} must be from 0 to 1000, got ${weight}`);
  });

  test('if two nodes have one name', async () => {
    expect(await refusal(planOf(({ nodes }) => [...nodes, ...nodes.slice(0, 1)]))).toBe(
      `Two nodes have the name ${three[0]}`,
    );
  });

  test('if a node would change its server or its database', async () => {
    await raiseTo(three, makeRecord(3, three));
    const named = (changes: object) =>
      planOf(({ nodes }) => [
        ...nodes.slice(1),
        ...describeNodes([{ host: '127.0.0.1', port: redis.servers[0]?.port, name: three[0], ...changes }]),
      ]);
    expect(await refusal(named({ port: 6000 }))).toBe(
      `Node ${three[0]} is at ${three[0]} and cannot change to 127.0.0.1:6000. To replace a server, add the new one ` +
        'under another name, and remove the old one',
    );
    expect(await refusal(named({ database: 1 }))).toBe(
      `Node ${three[0]} has database 0 and cannot change to database 1`,
    );
  });

  test('if a present node cannot be reached', async () => {
    await redis.servers[2]?.kill();
    clients.splice(2, 1);
    expect(await refusal(adding(fourth))).toMatch(
      new RegExp(`^Node ${three[2]} is unavailable: connect ECONNREFUSED`),
    );
    await clients[0]?.set(TOPOLOGY_KEY, formatRecord(makeRecord(3, three)));
    expect(await refusal(adding(fourth))).toMatch(
      new RegExp(
        `^Node ${three[2]} is unavailable: .*\\. If node ${three[2]} is gone for good, remove it as lost$`,
      ),
    );
  });

  test('if no node can be reached', async () => {
    const plan = planOf((operator) => targetsWith(operator, describeNodes([fourth])), {}, [
      '127.0.0.1:1',
      '127.0.0.1:2',
    ]);
    expect(await refusal(plan)).toMatch(
      /^Node 127\.0\.0\.1:1 is unavailable: .*; Node 127\.0\.0\.1:2 is unavailable: /,
    );
    expect(await refusal(async () => resumeChange(await openOperator(['127.0.0.1:1'])))).toMatch(/^Node 127/);
  });

  test('if the nodes that are not lost are no majority', async () => {
    const two = three.slice(0, 2);
    const lost = two[1] as string;
    const plan = planOf((operator) => targetsWithout(operator, [lost]), { lost: new Set([lost]) }, two);
    await redis.servers[1]?.kill();
    clients.splice(1, 1);
    expect(await refusal(plan)).toBe(
      'A change needs a majority of the 2 nodes, which is 2, and only 1 are not lost. Start an empty server under the ' +
        'address of a lost node, and run the change again without declaring it lost',
    );
  });

  test('if it does more than to remove lost nodes', async () => {
    const lost = new Set([three[1] as string]);
    const sentence =
      'Remove lost nodes in a change of its own, which leaves out the lost nodes and changes nothing else';
    expect(await refusal(planOf(({ nodes }) => nodes, { lost }))).toBe(sentence);
    expect(await refusal(planOf(({ nodes }) => nodes.slice(0, 1), { lost }))).toBe(sentence);
    expect(await refusal(planOf(({ nodes }) => nodes, { lost: new Set(['nobody']) }))).toBe(
      `Not in the cache: nobody. Its nodes are ${three.join(', ')}`,
    );
  });

  test('if a store uses keys without a prefix, unless it owns the databases', async () => {
    await registerPrefix(clients[1] as PlainClient, '');
    expect(await refusal(adding(fourth))).toBe(
      'A store uses keys without a prefix, so its keys cannot be told from those of other programs. If all keys in these ' +
        'databases belong to stores, set the option ownsDatabase (--owns-database). Otherwise, give the store a namespace',
    );
    const operator = await openOperator(three, { ownsDatabase: true });
    await (await planChange(operator, targetsWith(operator, describeNodes([fourth])))).run();
  });

  test('if a server has voted on epochs whose record was deleted', async () => {
    await clients[1]?.set(VOTE_KEY, JSON.stringify({ epoch: 4 }));
    expect(await refusal(adding(fourth))).toBe(
      `Node ${three[1]} has voted on epoch 4, and the newest topology record that was found is none. If another change is ` +
        'under way, try again. If somebody has deleted the record, or the server belonged to another cache, delete ' +
        '%dredis:topology:vote there, too',
    );
    await raiseTo(three, makeRecord(3, three));
    await adding(fourth)();
  });

  test('if seeds belong to two caches', async () => {
    await raiseTo(three.slice(0, 2), makeRecord(3, three.slice(0, 2)));
    await raiseTo([three[2] as string], makeRecord(9, ['10.0.0.1:6379'], { cache: 'other' }));
    expect(await refusal(adding(fourth))).toBe(
      `Node ${three[2]} cannot be used: its topology record belongs to another cache, with the nodes 10.0.0.1:6379`,
    );
  });
});

describe('a change with stores that cannot be told is refused', () => {
  /** A connection as a store has it. */
  async function connectStore(index: number, fingerprint: string, isTracking: boolean, database = 0) {
    const client = await connectClient(redis.locations[index] as string, database);
    await client.sendCommand(['HELLO', '3']);
    await client.sendCommand(['CLIENT', 'SETNAME', `keyv-dredis_${fingerprint}`]);
    if (isTracking) await client.sendCommand(['CLIENT', 'TRACKING', 'ON', 'OPTIN']);
    return client;
  }

  const own = () => makeRecord(1, three).fingerprint.slice(0, 12);

  test('unless all of them are told, and have the same ring', async () => {
    await Promise.all([0, 1, 2].map((index) => connectStore(index, own(), true)));
    await connectStore(0, 'another-ring', false, 1);
    expect((await adding(fourth)()).unmanaged).toEqual([]);
  });

  test('with their addresses and names, and with what force does', async () => {
    await connectStore(1, own(), false);
    await connectStore(2, own(), true);
    expect(await refusal(adding(fourth))).toMatch(
      new RegExp(
        `^1 connection of a store will not be told of the change: 127\\.0\\.0\\.1:\\d+ \\(keyv-dredis_${own()}\\) on ${three[1]}\\. ` +
          'These processes .* With force, the change starts nevertheless: they go on with their old nodes',
      ),
    );
  });

  test('if they have another ring, and there is no record that they could follow', async () => {
    await connectStore(0, 'another-ring', true);
    expect(await refusal(adding(fourth))).toMatch(
      new RegExp(
        `^1 connection of a store with other nodes or weights: 127\\.0\\.0\\.1:\\d+ \\(keyv-dredis_another-ring\\) on ${three[0]}\\. `,
      ),
    );
    await raiseTo(three, makeRecord(3, three));
    expect((await adding(fourth)()).unmanaged).toEqual([]);
  });

  test('if a new node serves stores of another cache', async () => {
    await raiseTo(three, makeRecord(3, three));
    await connectStore(3, 'another-ring', true);
    expect(await refusal(adding(fourth))).toContain(`(keyv-dredis_another-ring) on ${fourth}`);
  });

  test('unless it is forced; the plan then lists them', async () => {
    await connectStore(0, own(), false);
    const plan = await planOf((operator) => targetsWith(operator, describeNodes([fourth])), {
      force: true,
    })();
    expect(plan.unmanaged).toEqual([
      {
        node: three[0],
        address: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
        name: `keyv-dredis_${own()}`,
        reason: 'not-told',
      },
    ]);
    expect(await plan.run()).toMatchObject({ epoch: 2 });
  });

  test('but it waits for a store that is just connecting', async () => {
    const store = await connectStore(0, own(), false);
    const plan = adding(fourth)();
    setTimeout(() => store.sendCommand(['CLIENT', 'TRACKING', 'ON', 'OPTIN']), 150);
    expect((await plan).unmanaged).toEqual([]);
  });

  test('if the server does not tell the connections', async () => {
    const user = ['ACL', 'SETUSER', 'operator', 'on', '>pw', '~*', '+@all', '-client|list'];
    await clients[0]?.sendCommand(user);
    const [first, ...rest] = redis.servers;
    const seeds = [
      { host: '127.0.0.1', port: first?.port, username: 'operator', password: 'pw' },
      ...rest.slice(0, 2).map(({ location }) => location),
    ];
    const plan = (options: PlanOptions) => async () => {
      const operator = await openOperator(seeds);
      return planChange(operator, targetsWith(operator, describeNodes([fourth])), options);
    };
    expect(await refusal(plan({}))).toMatch(
      /NOPERM .*\. So it is not known which stores are connected\. With force/,
    );
    await plan({ force: true })();
  });
});

describe('targets', () => {
  test('name the nodes of the record', async () => {
    await raiseTo(three.slice(0, 2), makeRecord(3, three.slice(0, 2)));
    const operator = await openOperator(three);
    expect(operator.nodes).toEqual(recordedNodes(three.slice(0, 2)));
    expect(targetsWithout(operator, [three[0] as string])).toEqual([{ name: three[1], weight: 1 }]);
  });
});
