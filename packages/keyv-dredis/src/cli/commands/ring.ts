import { writeFile } from 'node:fs/promises';
import { Option } from 'commander';
import { renderRing } from 'hash-ring/svg';
import type { TopologyRecord } from '../../membership/record.js';
import type { Absence } from '../../node/absence.js';
import type { CliCommand, CommonOptions, Invocation } from '../command.js';
import { exitStatus, UsageError } from '../exit-status.js';
import { Fleet } from '../fleet.js';
import { percent, weightOf } from '../numbers.js';
import type { Column, Output } from '../output.js';
import { describeServers, idealShares, ringWith, sourceOf } from '../servers.js';

interface RingOptions extends CommonOptions {
  readonly svg?: string;
  readonly with?: string;
  /** False with `--no-record`. */
  readonly record: boolean;
}

/** The part of the keys that a node owns. */
interface ShareRow {
  readonly node: string;
  /** The node's state in the topology record. `in`: in service, or there is no record. */
  readonly recorded: 'in' | Absence;
  /** 0 for a witness, which holds no keys. */
  readonly weight: number;
  readonly share: number;
  readonly idealShare: number;
}

/** The part of the keys that moves from one node to another. */
interface MoveRow {
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly share: number;
}

interface RingReport {
  /** Epoch of the topology record; 0 if the ring is that of the list of servers. */
  readonly epoch: number;
  readonly fingerprint: string;
  readonly nodes: readonly ShareRow[];
  /** Only with `--with`. */
  readonly next?: {
    readonly fingerprint: string;
    readonly nodes: readonly ShareRow[];
    readonly movedShare: number;
    readonly moves: readonly MoveRow[];
  };
}

export const ring: CliCommand = {
  name: 'ring',
  summary: "show each server's share of the keys, and what a change of servers would move",
  description:
    'Shows which share of the keys each server owns, and the ideal share for its weight. With --with, also shows ' +
    'which keys would get another owner if these other servers replaced the present ones. If one of the servers ' +
    'holds the topology record of the cache, the ring is that of the record, without the servers that are away. If ' +
    'none does, or none answers, it is that of --nodes.',
  options: [
    new Option('--with <locations>', 'all servers after the change'),
    new Option('--svg <file>', 'also draw the ring, and what moves, into this file'),
    new Option('--no-record', 'take the ring from --nodes, and connect to no server'),
  ],
  examples: [
    ['--nodes 10.0.0.1,10.0.0.2', 'which share of the keys does each server have?'],
    ['--nodes 10.0.0.1,10.0.0.2 --with 10.0.0.1,10.0.0.2,10.0.0.3', 'what would a third server take over?'],
    ['--nodes 10.0.0.1,10.0.0.2 --svg ring.svg', 'draw a picture'],
    ['--nodes a,b,c --no-record', 'the ring of servers that do not exist yet'],
  ],

  async run({ options, output }: Invocation<RingOptions>) {
    const listed = describeServers(sourceOf(options));
    const listedAfter =
      options.with === undefined
        ? undefined
        : describeServers(sourceOf({ ...options, nodes: options.with }, '--with'));
    const record = options.record ? await findRecord(options) : undefined;
    const before = ringWith(record?.nodes ?? listed);
    const states = new Map(record?.nodes.map(({ name, state }) => [name, state]));
    const after =
      listedAfter && ringWith(listedAfter.map((node) => ({ ...node, state: states.get(node.name) })));
    if (options.svg !== undefined) await save(options.svg, renderRing(before.ring, after?.ring));
    const report: RingReport = {
      epoch: record?.epoch ?? 0,
      ...sharesOf(before),
      ...(after && { next: nextOf(before, after) }),
    };
    output.result(report, () => print(report, output));
    return exitStatus.fine;
  },
};

/** The topology record; undefined if no server holds one, or none answers. */
async function findRecord(options: RingOptions): Promise<TopologyRecord | undefined> {
  const fleet = await Fleet.open(options);
  await fleet.close();
  return fleet.record;
}

type DescribedRing = ReturnType<typeof ringWith>;

function sharesOf({ nodes, ring }: DescribedRing): Pick<RingReport, 'fingerprint' | 'nodes'> {
  const shares = ring.shares();
  const ideals = idealShares(nodes);
  return {
    fingerprint: ring.fingerprint(),
    nodes: nodes.map(({ name, weight, state }) => ({
      node: name,
      recorded: state ?? 'in',
      weight,
      share: shares.get(name) ?? 0,
      idealShare: ideals.get(name) ?? 0,
    })),
  };
}

function nextOf(before: DescribedRing, after: DescribedRing): NonNullable<RingReport['next']> {
  const { fraction, flows } = before.ring.movement(after.ring);
  const moves = flows.map((flow) => ({ from: flow.from, to: flow.to, share: flow.fraction }));
  return { ...sharesOf(after), movedShare: fraction, moves };
}

/** @throws UsageError if the file cannot be written */
async function save(file: string, picture: string): Promise<void> {
  try {
    await writeFile(file, picture);
  } catch (error) {
    throw new UsageError(`--svg must be a file that can be written: ${(error as Error).message}`);
  }
}

function printShares(nodes: readonly ShareRow[], output: Output): void {
  const hasStates = nodes.some(({ recorded }) => recorded !== 'in');
  const columns: readonly Column[] = [
    { title: 'node', isText: true },
    ...(hasStates ? [{ title: 'state', isText: true }] : []),
    ...['weight', 'share', 'ideal'].map((title) => ({ title })),
  ];
  output.table(
    columns,
    nodes.map(({ node, recorded, weight, share, idealShare }) => [
      node,
      ...(hasStates ? [recorded] : []),
      weightOf(weight),
      percent(share),
      percent(idealShare),
    ]),
  );
}

function print({ epoch, nodes, next }: RingReport, output: Output): void {
  printShares(nodes, output);
  if (epoch > 0) output.line(`\nThe topology record of the cache has these servers (epoch ${epoch}).`);
  if (next === undefined) return;
  output.heading('After the change');
  printShares(next.nodes, output);
  output.heading(`${percent(next.movedShare)} of the keys get another owner`);
  if (next.moves.length === 0) return;
  output.table(
    [{ title: 'from', isText: true }, { title: 'to', isText: true }, { title: 'share of all keys' }],
    next.moves.map(({ from = '', to = '', share }) => [from, to, percent(share)]),
  );
}
