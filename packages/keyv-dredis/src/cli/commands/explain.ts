import { Option } from 'commander';
import { DEFAULTS } from '../../config/options.js';
import { InvalidArgumentError } from '../../errors/errors.js';
import { assertNamespace, type KeyFormat, keyPrefix, physicalKey } from '../../format/keyspace.js';
import type { Absence } from '../../node/absence.js';
import type { Node } from '../../node/node.js';
import { fullRingOf, isClosed, ownerOf, sourceOf } from '../../sharding/topology.js';
import { type CliCommand, type CommonOptions, type Invocation, NAMESPACE_OPTION } from '../command.js';
import { exitStatus, UsageError } from '../exit-status.js';
import { Fleet } from '../fleet.js';
import { bytes, count, duration, percent, printable } from '../numbers.js';
import type { Output, Problem } from '../output.js';
import { readEntry, type StoredEntry, unlessRefused } from '../server-commands.js';

interface ExplainOptions extends CommonOptions {
  readonly namespace?: string;
  readonly keyFormat: KeyFormat;
}

interface Explanation {
  readonly key: string;
  /** Position on the ring, from 0 to 2^32-1. */
  readonly point: number;
  /** Epoch of the topology record; 0 if there is none. */
  readonly epoch: number;
  /** While the key moves, the node that it moves to. */
  readonly owner: string;
  /** The node that owns the key when it is back; null unless that node is away. */
  readonly belongsTo: string | null;
  /** The node that must be in service or away before anybody serves the key; null if the key is served. */
  readonly waitsFor: { readonly node: string; readonly state: Absence } | null;
  /** The other nodes, in the order in which they would take over. */
  readonly next: readonly string[];
  /** Null if there is no entry, or if the owner cannot be reached. */
  readonly entry: StoredEntry | null;
  /** Where the key moves from; null unless keys move to another ring, and this key with them. */
  readonly from: { readonly node: string; readonly entry: StoredEntry | null } | null;
  /** Nodes that hold the key although they do not own it. */
  readonly elsewhere: readonly string[];
  /** Why nodes could not be asked. */
  readonly problems: readonly Problem[];
}

const HASH_SPACE = 2 ** 32;

export const explain: CliCommand = {
  name: 'explain',
  summary: 'show which server owns a key, and what is there',
  description:
    'Shows the full key in Redis, its point on the ring, its owner, the servers that are next in line, and what is ' +
    'there: type, size and time left. Also looks for the key on all other servers that are not away. While keys move ' +
    'between two rings, shows the servers from and to which the key moves, and what each of them has. If the server ' +
    'that the key belongs to is away, shows it, and the one that serves the key meanwhile. It reads no value. Without ' +
    '--namespace, the key gets the prefix keyv:, as in the store. If you know the full key in Redis, pass it with ' +
    '--key-format raw.',
  args: [{ syntax: '<key>', meaning: 'the key as your program passes it to Keyv' }],
  options: [
    NAMESPACE_OPTION,
    new Option('--key-format <format>', 'the store option keyFormat')
      .choices(['default', 'raw', 'keyv-redis'])
      .default('default'),
  ],
  examples: [
    ['user:1 --namespace app', 'where is the key that new Keyv({ namespace: "app" }) calls user:1?'],
    ['app:user:1 --key-format raw', 'where is this key, as Redis calls it?'],
    ['user:1 --namespace app --key-format keyv-redis', 'the same with the keys of @keyv/redis (app::user:1)'],
  ],

  async run({ options, args, output }: Invocation<ExplainOptions>) {
    const key = fullKey(args[0] as string, options);
    const fleet = await Fleet.open(options);
    try {
      const explanation = await explainKey(key, fleet);
      output.result(explanation, () => print(explanation, output));
      return explanation.problems.length > 0 ? exitStatus.problem : exitStatus.fine;
    } finally {
      await fleet.close();
    }
  },
};

/** @throws UsageError if the key cannot be stored */
function fullKey(key: string, { namespace, keyFormat }: ExplainOptions): string {
  const format = { keyFormat, keySeparator: DEFAULTS.keySeparator };
  try {
    assertNamespace(namespace, format);
    return physicalKey(keyPrefix(namespace, format), key);
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw new UsageError(error.message);
    throw error;
  }
}

async function explainKey(key: string, fleet: Fleet): Promise<Explanation> {
  const { snapshot, record } = fleet;
  const { ring, absences } = snapshot;
  const owner = ownerOf(key, snapshot);
  const source = sourceOf(key, owner, snapshot);
  const home = record === undefined ? owner.name : (fullRingOf(record.nodes).get(key) as string);
  const closed = [owner, source].find((node) => node !== undefined && isClosed(node, snapshot));
  const elsewhere: string[] = [];
  const entries = new Map<Node, StoredEntry | undefined>();
  const look = async (node: Node) => {
    if (node === owner || node === source) {
      entries.set(node, await readEntry(node, key));
      return;
    }
    const exists = await unlessRefused(node.run((commands) => commands.exists(key)));
    if (exists && !fleet.mayHold(node, key)) elsewhere.push(node.name);
  };
  await Promise.all(
    fleet.usable.map(({ node }) => look(node).catch((error) => fleet.failed(node.name, error))),
  );
  const { problems } = fleet;
  const point = ring.pointOf(key);
  const next = ring.owners(point).slice(1);
  return {
    key,
    point,
    epoch: record?.epoch ?? 0,
    owner: owner.name,
    belongsTo: home === owner.name ? null : home,
    waitsFor: closed === undefined ? null : { node: closed.name, state: absences.get(closed) as Absence },
    next,
    entry: entries.get(owner) ?? null,
    from: source === undefined ? null : { node: source.name, entry: entries.get(source) ?? null },
    elsewhere,
    problems,
  };
}

function print(
  { key, point, owner, belongsTo, waitsFor, next, entry, from, elsewhere, problems }: Explanation,
  output: Output,
): void {
  const entryOf = (name: string, found: StoredEntry | null) =>
    problems.some(({ node }) => node === name) ? 'unknown' : describeEntry(found);
  const rows: readonly (readonly [string, string])[] =
    from === null
      ? [
          ['owner', owner],
          ['next in line', next.slice(0, 3).join(', ') || 'none'],
          ['entry', entryOf(owner, entry)],
        ]
      : [
          ['moves from', from.node],
          ['moves to', owner],
          ['next in line', next.slice(0, 3).join(', ') || 'none'],
          ['entry there', `${entryOf(owner, entry)} (on ${owner}, where stores ask first)`],
          ['entry before', `${entryOf(from.node, from.entry)} (on ${from.node})`],
        ];
  output.pairs([
    ['key', printable(key)],
    ['point', `${count(point)} (${percent(point / HASH_SPACE)} of the ring)`],
    ...rows,
    ...(belongsTo === null ? [] : [['belongs to', `${belongsTo}, which is away`] as const]),
    ...(waitsFor === null ? [] : [['served by', nobody(waitsFor)] as const]),
    ...elsewhere.map((node): [string, string] => ['also on', `${node} (${ORPHAN})`]),
  ]);
  output.problems(problems);
}

const nobody = ({ node, state }: NonNullable<Explanation['waitsFor']>) =>
  `nobody at the moment, because ${node} is ${state}: stores decide within seconds`;

const ORPHAN = 'which does not own it, so stores do not read it; see keyv-dredis orphans';

function describeEntry(entry: StoredEntry | null): string {
  if (entry === null) return 'none';
  const { type, bytes: size, ttlMs } = entry;
  const expiry = ttlMs === undefined ? 'never expires' : `expires in ${duration(ttlMs)}`;
  return [type, ...(size === undefined ? [] : [bytes(size)]), expiry].join(', ');
}
