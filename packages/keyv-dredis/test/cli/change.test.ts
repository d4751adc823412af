import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { HashRing } from 'hash-ring';
import { TOPOLOGY_KEY } from '../../src/format/reserved-keys.js';
import { parseRecord, type TopologyRecord } from '../../src/membership/record.js';
import { Authority } from '../support/certificates.js';
import { recordsOf, runCli, startCli, startCliInTerminal } from '../support/cli.js';
import {
  connectClient,
  connectPlain,
  makeTemporaryFolder,
  openStoreOver,
  type PlainServers,
  startServer,
  startServers,
  startTlsServers,
} from '../support/index.js';
import { makeRecord } from '../support/nodes.js';
import { writeRecord } from '../support/records.js';

const KEYS = Array.from({ length: 300 }, (_, i) => `key-${i}`);
const PHYSICAL = KEYS.map((key) => `app:${key}`);

let all: string[];
/** The nodes at first. */
let three: string[];
let fourth: string;
let plain: PlainServers;

beforeEach(async () => {
  const redis = await startServers({ count: 4, args: ['--enable-debug-command', 'yes'] });
  all = [...redis.locations];
  three = all.slice(0, 3);
  fourth = all[3] as string;
  plain = await connectPlain(all);
});

/** Opens a store, which stays connected, and writes {@link KEYS}. */
async function fill(locations: readonly string[] = three) {
  const store = openStoreOver(locations, { namespace: 'app' });
  await store.setMany(KEYS.map((key) => ({ key, value: `value of ${key}` })));
  return store;
}

/** Registers the namespace `app`, without a store that stays connected. */
async function register() {
  const store = openStoreOver(three, { namespace: 'app' });
  await store.set('x', 'value');
  await store.delete('x');
  await store.disconnect();
}

async function change(...args: string[]) {
  const result = await runCli([...args, '--yes', '--json', '--nodes', three.join()]);
  expect(result.stderr).toBe('');
  const records = recordsOf(result);
  return {
    status: result.status,
    plan: records.find(({ type }) => type === 'plan'),
    progress: records.filter(({ type }) => type === 'progress'),
    summary: records.at(-1) as Record<string, unknown>,
  };
}

/** The record on each server; undefined if it holds none. */
async function heldRecords(locations: readonly string[] = all): Promise<(TopologyRecord | undefined)[]> {
  return Promise.all(
    locations.map(async (location) => {
      const text = await (await connectClient(location)).get(TOPOLOGY_KEY);
      return text === null ? undefined : parseRecord(text);
    }),
  );
}

/** Expects that each key is on its owner, and nowhere else. */
async function expectOnOwners(ring: HashRing, keys: readonly string[] = PHYSICAL) {
  expect(await plain.keysByServer()).toEqual(
    all.map((node) => keys.filter((key) => ring.get(key) === node).sort()),
  );
}

/** All keys of all servers, with the reserved ones. */
async function everything() {
  return Promise.all(all.map(async (location) => (await (await connectClient(location)).keys('*')).sort()));
}

describe('keyv-dredis add', () => {
  test('adds a server, and moves its keys to it while a store is in use', async () => {
    const store = await fill();
    const { fraction, flows } = new HashRing(three).movement(new HashRing(all));
    const { status, plan, summary } = await change('add', fourth);
    expect(plan).toMatchObject({ epoch: 0, isDryRun: false, isNoop: false, isResume: false, unmanaged: [] });
    expect(plan?.['movedShare']).toBeCloseTo(fraction);
    const moves = plan?.['moves'] as { from: string; to: string; share: number; keyCount: number }[];
    expect(new Set(moves.map(({ from, to }) => `${from} ${to}`))).toEqual(
      new Set(flows.map(({ from, to }) => `${from} ${to}`)),
    );
    const moved = PHYSICAL.filter((key) => new HashRing(all).get(key) === fourth);
    expect(moves.reduce((sum, { keyCount }) => sum + keyCount, 0)).toBeGreaterThan(moved.length / 2);
    expect(summary).toMatchObject({
      type: 'summary',
      epoch: 2,
      movedCount: moved.length,
      isStopped: false,
      after: all.map((name) => ({ name, address: name, database: 0, weight: 1 })),
    });
    expect(status).toBe(0);
    await expectOnOwners(new HashRing(all));
    const records = await heldRecords();
    expect(records.map((record) => [record?.epoch, record?.phase])).toEqual(all.map(() => [2, 'settled']));
    expect(await store.getMany(KEYS)).toEqual(KEYS.map((key) => `value of ${key}`));
    expect((await runCli(['status', '--nodes', fourth])).status).toBe(0);
  });

  test('adds servers with names and weights, from a list in JSON', async () => {
    await fill();
    const location = JSON.stringify([{ url: `redis://${fourth}`, name: 'cache-4', weight: 2 }]);
    const { summary } = await change('add', location);
    expect((summary['after'] as unknown[]).at(-1)).toEqual({
      name: 'cache-4',
      address: fourth,
      database: 0,
      weight: 2,
    });
  });

  test('adds a witness, which gets no keys', async () => {
    await fill();
    const witness = JSON.stringify([{ url: `redis://${fourth}`, name: 'witness', weight: 0 }]);
    const { status, summary } = await change('add', witness);
    expect(status).toBe(0);
    expect(summary).toMatchObject({ movedCount: 0, sweptCount: 0 });
    expect((summary['after'] as object[]).at(-1)).toMatchObject({ name: 'witness', weight: 0 });
    await expectOnOwners(new HashRing(three));
    const shown = await runCli(['status', '--nodes', three[0] as string]);
    expect(shown).toMatchObject({ status: 0, stderr: '' });
    expect(shown.stdout).toMatch(new RegExp(`^witness +${fourth} +up +\\d+ +witness `, 'm'));
  });

  test('only shows what would move with --dry-run, and writes nothing', async () => {
    await fill();
    const before = await everything();
    const { status, stdout } = await runCli(['add', fourth, '--dry-run', '--nodes', three.join()]);
    expect(status).toBe(0);
    expect(stdout).toContain('The cache has 3 servers, and then 4 servers.');
    expect(stdout).toMatch(new RegExp(`^${three[0]} +${fourth} +\\d+\\.\\d % +~\\d+$`, 'm'));
    expect(stdout).toMatch(/^\d+\.\d % of all keys get another owner, about \d+ keys\.$/m);
    expect(await everything()).toEqual(before);
  });

  test('asks, shows a bar for each server that keys leave, and a summary', async () => {
    await fill();
    const cli = await startCliInTerminal(['add', fourth, '--nodes', three.join()], { NO_COLOR: '1' });
    await cli.printed('Change the cache? (y/N)');
    expect(await heldRecords()).toEqual(all.map(() => undefined));
    cli.process.stdin?.write('y\n');
    const { status, stdout } = await cli.result;
    expect(status).toBe(0);
    for (const node of three) expect(stdout).toMatch(new RegExp(`${node} \\S+ 100 % +[\\d,]+ keys moved`));
    expect(stdout).toMatch(/^keys moved +\d+/m);
  });

  test.each(['n\n', '\n', '\x03'])('changes nothing if the answer is %j', async (answer) => {
    await fill();
    const before = await everything();
    const cli = await startCliInTerminal(['add', fourth, '--nodes', three.join()]);
    await cli.printed('Change the cache? (y/N)');
    cli.process.stdin?.write(answer);
    expect((await cli.result).status).toBe(1);
    expect(await everything()).toEqual(before);
  });

  test('holds --rate', async () => {
    await register();
    const client = await connectClient(three[0] as string);
    const keys = Array.from({ length: 40_000 }, (_, i) => `app:${i}`);
    const moving = keys.filter(
      (key) => new HashRing(three).get(key) === three[0] && new HashRing(all).get(key) === fourth,
    );
    for (const key of moving.slice(0, 1500)) await client.set(key, 'value');
    const { summary } = await change('add', fourth, '--rate', '500');
    expect(summary['movedCount']).toBe(1500);
    expect(summary['durationMs']).toBeGreaterThan(2000);
    expect(summary['durationMs']).toBeLessThan(8000);
  });
});

describe('keyv-dredis remove', () => {
  test('moves the keys of a server to the others', async () => {
    const store = await fill();
    const { status, summary } = await change('remove', three[1] as string);
    expect(status).toBe(0);
    const rest = [three[0], three[2]] as string[];
    const moved = PHYSICAL.filter((key) => new HashRing(three).get(key) === three[1]);
    expect(summary).toMatchObject({ epoch: 2, movedCount: moved.length });
    await expectOnOwners(new HashRing(rest));
    expect(await store.getMany(KEYS)).toEqual(KEYS.map((key) => `value of ${key}`));
    // An old list of servers with the removed one alone still finds the cache.
    const found = await runCli(['status', '--json', '--nodes', three[1] as string]);
    expect(recordsOf(found)[0]).toMatchObject({ epoch: 2, nodes: rest.map((node) => ({ node })) });
  });

  test('takes the location of a server instead of its name', async () => {
    await fill();
    const { plan } = await change('remove', `redis://${three[1]}`, '--dry-run');
    expect(plan).toMatchObject({ isDryRun: true, after: [{ name: three[0] }, { name: three[2] }] });
  });

  test('removes a dead server with --lost, and says so without', async () => {
    const redis = await startServers({ count: 3 });
    const [first, second, third] = redis.locations as [string, string, string];
    const store = openStoreOver(redis.locations, { namespace: 'app' });
    await store.setMany(KEYS.map((key) => ({ key, value: 'value' })));
    await store.disconnect();
    await redis.servers[2]?.kill();
    const args = ['remove', third, '--yes', '--nodes', redis.locations.join()];
    const refused = await runCli(args);
    expect(refused).toMatchObject({ status: 2, stdout: '' });
    expect(refused.stderr).toContain('ECONNREFUSED');
    const { status, stdout, stderr } = await runCli([...args, '--lost']);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toMatch(new RegExp(`^epoch +\\d+\\nservers +${first}, ${second}$`, 'm'));
    const kept = PHYSICAL.filter((key) => new HashRing(redis.locations).get(key) !== third);
    expect(await (await connectPlain([first, second])).keys()).toEqual([...kept].sort());
  });
});

describe('keyv-dredis weight', () => {
  test('changes the weights of servers', async () => {
    const store = await fill();
    const { status, summary } = await change('weight', `${three[0]}=3`, `${three[1]}=0.5`);
    expect(status).toBe(0);
    const weights = [3, 0.5, 1];
    expect(summary['after']).toMatchObject(three.map((name, index) => ({ name, weight: weights[index] })));
    await expectOnOwners(
      new HashRing(three.map((name, index) => ({ name, weight: weights[index] as number }))),
    );
    expect(await store.getMany(KEYS)).toEqual(KEYS.map((key) => `value of ${key}`));
  });

  test('makes a server a witness with weight 0, and moves its keys to the others', async () => {
    const store = await fill();
    const { status, summary } = await change('weight', `${three[2]}=0`);
    expect(status).toBe(0);
    expect(summary['after']).toMatchObject([{ weight: 1 }, { weight: 1 }, { name: three[2], weight: 0 }]);
    await expectOnOwners(new HashRing(three.slice(0, 2)));
    expect(await store.getMany(KEYS)).toEqual(KEYS.map((key) => `value of ${key}`));
  });

  test('does nothing if the weights are those of the present', async () => {
    await fill();
    const { status, summary } = await change('weight', `${three[0]}=1`);
    expect({ status, summary }).toEqual({ status: 0, summary: { type: 'plan', epoch: 0, isNoop: true } });
  });
});

describe('keyv-dredis resume', () => {
  test('goes on after Ctrl-C', async () => {
    await register();
    for (const location of three) {
      const client = await connectClient(location);
      await client.sendCommand(['DEBUG', 'POPULATE', '3000', `app:${location.split(':')[1]}`]);
    }
    // Keys that other nodes own are swept before the change, so they are removed here.
    await runCli(['orphans', '--remove', '--yes', '--nodes', three.join()]);
    const keys = await plain.keys();
    const nodes = ['--nodes', three[0] as string];
    const cli = await startCli(['add', fourth, '--yes', '--json', '--rate', '50', '--nodes', three.join()]);
    await cli.printed('"phase":"moving"');
    const during = await runCli(['status', '--json', ...nodes]);
    expect(recordsOf(during)[0]).toMatchObject({ isFine: true, change: { isRunning: true } });
    cli.process.kill('SIGINT');
    const stopped = await cli.result;
    expect(stopped.status).toBe(1);
    expect(recordsOf(stopped).at(-1)).toMatchObject({ type: 'summary', isStopped: true, epoch: 1 });
    expect(await plain.keys()).toEqual(keys);

    const status = await runCli(['status', ...nodes]);
    expect(status.status).toBe(1);
    expect(status.stdout).toContain('keyv-dredis resume');
    const dry = await runCli(['resume', '--dry-run', ...nodes]);
    expect(dry.status).toBe(0);
    expect(dry.stdout).toContain('A change that is not finished (epoch 1) is finished first.');

    const resumed = await runCli(['resume', '--yes', ...nodes]);
    expect(resumed).toMatchObject({ status: 0, stderr: '' });
    expect(resumed.stdout).toMatch(/^epoch +2$/m);
    await expectOnOwners(new HashRing(all), keys);
    expect((await runCli(['status', ...nodes])).status).toBe(0);
    const again = await runCli(['resume', '--yes', ...nodes]);
    expect(again.status).toBe(0);
    expect(again.stdout).toContain('There is nothing to do');
  });

  test('says how to go on after Ctrl-C', async () => {
    await register();
    const client = await connectClient(three[0] as string);
    await client.sendCommand(['DEBUG', 'POPULATE', '10000', 'app']);
    const cli = await startCli(['add', fourth, '--yes', '--rate', '100', '--nodes', three.join()]);
    await cli.printed('Moving keys.');
    cli.process.kill('SIGINT');
    const { status, stdout } = await cli.result;
    expect(status).toBe(1);
    expect(stdout).toContain('To go on: keyv-dredis resume');
  });
});

describe('a change is refused with exit status 2, and changes nothing:', () => {
  const refusals: [string, () => string[] | Promise<string[]>, RegExp][] = [
    ['a server that does not answer', () => ['add', '127.0.0.1:1'], /127\.0\.0\.1:1.*ECONNREFUSED/],
    ['a server that is there already', () => ['add', three[1] as string], /already in the cache/],
    ['a location that is not allowed', () => ['add', 'host:x'], /the new server: locations\[0\]/],
    [
      'a server of another cache',
      async () => {
        const { location } = await startServer();
        await writeRecord([location], makeRecord(3, [location], { cache: 'other' }));
        return ['add', location];
      },
      /another cache/,
    ],
    [
      'a replica',
      async () => {
        const { location } = await startServer('--replicaof', fourth.replace(':', ' '));
        return ['add', location];
      },
      /is a replica/,
    ],
    [
      'a member of a Redis Cluster',
      async () => ['add', (await startServer('--cluster-enabled', 'yes')).location],
      /Redis Cluster/,
    ],
    ['a name that is not there', () => ['remove', 'cache-9'], /no server named .*its servers are/],
    ['the removal of all servers', () => ['remove', ...three], /last node/],
    [
      'a weight of 0 for all servers',
      () => ['weight', ...three.map((name) => `${name}=0`)],
      /a weight above 0/,
    ],
    ['a weight below 0', () => ['weight', `${three[0]}=-1`], /a weight from 0 to 1000/],
    ['a weight without a number', () => ['weight', three[0] as string], /a weight from 0 to 1000/],
    ['the weight of a server that is not there', () => ['weight', 'cache-9=2'], /no server named/],
    ['a rate of 0', () => ['add', fourth, '--rate', '0'], /whole number from 1/],
    [
      'a store that cannot be told',
      async () => {
        const client = await connectClient(three[0] as string);
        const name = `keyv-dredis_${new HashRing(three).fingerprint().slice(0, 12)}`;
        await client.sendCommand(['CLIENT', 'SETNAME', name]);
        return ['add', fourth];
      },
      /will not be told of the change.*127\.0\.0\.1:\d+ \(keyv-dredis_/,
    ],
  ];

  test.each(refusals)('%s', async (_title, args, message) => {
    await fill();
    const line = await args();
    const before = await everything();
    const { status, stdout, stderr } = await runCli([...line, '--yes', '--nodes', three.join()]);
    expect(stderr).toMatch(message);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(await everything()).toEqual(before);
  });

  test('a change without --yes if nobody can answer', async () => {
    await fill();
    const before = await everything();
    const { status, stderr } = await runCli(['add', fourth, '--nodes', three.join()]);
    expect(stderr).toContain('add --yes');
    expect(status).toBe(2);
    expect(await everything()).toEqual(before);
  });
});

test('--force changes the cache although a store cannot be told, and lists it', async () => {
  await fill();
  const client = await connectClient(three[0] as string);
  const name = `keyv-dredis_${new HashRing(three).fingerprint().slice(0, 12)}`;
  await client.sendCommand(['CLIENT', 'SETNAME', name]);
  const { status, stdout } = await runCli(['add', fourth, '--force', '--yes', '--nodes', three.join()]);
  expect(status).toBe(0);
  expect(stdout).toContain(`${name} (on ${three[0]})`);
  await expectOnOwners(new HashRing(all));
});

describe('if a server has restarted from a snapshot, a change', () => {
  let two: string[];
  let third: string;

  beforeEach(async () => {
    const redis = await startServers({ count: 3 });
    two = redis.locations.slice(0, 2);
    third = redis.locations[2] as string;
    plain = await connectPlain(redis.locations.slice(1));
    const store = await fill(two);
    await (await connectClient(two[0] as string)).sendCommand(['SAVE']);
    await store.disconnect();
    await redis.servers[0]?.kill();
    await redis.servers[0]?.start();
  });

  const keyCount = async () =>
    (await (await connectClient(two[0] as string)).keys('app:*')).length + (await plain.keys()).length;

  test('removes its keys, which may be old, but not with --dry-run', async () => {
    const line = ['add', third, '--nodes', two.join()];
    expect((await runCli([...line, '--dry-run'])).status).toBe(0);
    expect(await keyCount()).toBe(KEYS.length);
    const { status, stdout } = await runCli([...line, '--yes']);
    expect(status).toBe(0);
    const onFirst = PHYSICAL.filter((key) => new HashRing(two).get(key) === two[0]).length;
    expect(stdout).toContain(`${two[0]} has restarted: removed ${onFirst} old keys there`);
    expect(await keyCount()).toBe(KEYS.length - onFirst);
  });

  test('keeps its keys with --restart-policy keep', async () => {
    const keep = ['--restart-policy', 'keep'];
    const { status } = await runCli(['add', third, '--yes', ...keep, '--nodes', two.join()]);
    expect(status).toBe(0);
    expect(await keyCount()).toBe(KEYS.length);
  });
});

describe('a credential never appears in the output of a change', () => {
  const PASSWORD = 'correct-horse';

  /** Expects that a change works, and shows no password. */
  const expectChange = async (args: readonly string[], env: Readonly<Record<string, string>>) => {
    const results = [
      await runCli([...args, '--dry-run'], env),
      await runCli([...args, '--yes', '--json'], env),
    ];
    expect(results.map(({ status, stderr }) => ({ status, stderr }))).toEqual([
      { status: 0, stderr: '' },
      { status: 0, stderr: '' },
    ]);
    expect(JSON.stringify(results)).not.toContain(PASSWORD);
  };

  /** Expects that no record has a password. */
  const expectNoSecret = async (locations: readonly string[]) => {
    for (const location of locations) {
      const client = await connectClient(`:${PASSWORD}@${location}`);
      const text = await client.get(TOPOLOGY_KEY);
      expect(text).toContain('"epoch":2');
      expect(text).not.toContain(PASSWORD);
    }
  };

  test('with passwords in URLs', async () => {
    const { locations } = await startServers({ count: 3, args: ['--requirepass', PASSWORD] });
    const [one, two, three] = locations.map((location) => `redis://:${PASSWORD}@${location}`);
    await expectChange(['add', three as string, '--nodes', `${one},${two}`], {});
    await expectNoSecret(locations);
    // A wrong password, and names and weights with a password.
    const wrong = [
      ['add', `redis://:${PASSWORD}x@127.0.0.1:1`],
      ['remove', `redis://:${PASSWORD}@host:x`],
      ['remove', `user:${PASSWORD}@host`],
      ['weight', `user:${PASSWORD}@host=2`],
      ['weight', `redis://:${PASSWORD}@host`],
      ['resume', `redis://:${PASSWORD}@host`],
    ];
    for (const args of wrong) {
      const result = await runCli([...args, '--yes', '--nodes', one as string]);
      expect(result.status).toBe(2);
      expect(result.stderr).not.toBe('');
      expect(JSON.stringify(result)).not.toContain(PASSWORD);
    }
  });

  test('with DREDIS_PASSWORD', async () => {
    const { locations } = await startServers({ count: 3, args: ['--requirepass', PASSWORD] });
    const [one, two, three] = locations as [string, string, string];
    await expectChange(['add', three, '--nodes', `${one},${two}`], { DREDIS_PASSWORD: PASSWORD });
    await expectNoSecret(locations);
    const refused = await runCli(['remove', two, '--yes', '--nodes', one], { DREDIS_PASSWORD: 'wrong' });
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain('DREDIS_PASSWORD');
  });

  test('with TLS', async () => {
    const authority = new Authority('servers');
    const { locations } = await startTlsServers(3, authority.issue('server'));
    const file = join(await makeTemporaryFolder('dredis-cli-'), 'ca.pem');
    await writeFile(file, authority.cert);
    const [one, two, three] = locations.map((location) => `rediss://${location}`) as [string, string, string];
    const env = { NODE_EXTRA_CA_CERTS: file };
    await expectChange(['add', three, '--nodes', `${one},${two}`], env);
    // The other nodes come from the record, and get TLS of the location.
    const status = await runCli(['status', '--json', '--nodes', one], env);
    expect(recordsOf(status)[0]).toMatchObject({ isFine: true, epoch: 2, nodes: [{}, {}, {}] });
    await expectChange(['remove', locations[1] as string, '--nodes', one], env);
  });
});
