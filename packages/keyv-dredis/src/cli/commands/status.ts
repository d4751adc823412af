import { Option } from 'commander';
import { sleep } from '../../membership/pace.js';
import { timers } from '../../timers.js';
import type { CliCommand, CommonOptions, Invocation } from '../command.js';
import { diagnose, evictionRate, infoNumber, type Readings } from '../diagnosis.js';
import { type ExitStatus, exitStatus } from '../exit-status.js';
import { Fleet, type Member } from '../fleet.js';
import { movingKeys } from '../moving-keys.js';
import { OWNS_DATABASE_OPTION, readOurKeys } from '../our-keys.js';
import { type Reading, readInfo, readNode } from '../reading.js';
import { idealShares } from '../servers.js';
import { type ChangeReport, type NodeReport, printStatus, type StatusReport } from '../status-report.js';
import { agrees, storeProblems } from '../store-connections.js';
import { epochOf, topologyNotes, topologyProblems } from '../topology-problems.js';

interface StatusOptions extends CommonOptions {
  readonly watch?: boolean;
  readonly ownsDatabase?: boolean;
}

/** Time between two readings that show whether a server evicts keys, and between two reports of `--watch`. */
const INTERVAL_MS = 1000;

export const status: CliCommand = {
  name: 'status',
  summary: 'show whether all servers are well',
  description:
    "Shows each server's state, weight, share of the keys, number of keys of stores, memory, hit rate, evictions, and how " +
    'many stores are connected. Takes one second, to see whether a server evicts keys now. Hit rate and evictions ' +
    "count all programs since the server's start. The cost is bounded: up to 20,000 keys are counted with SCAN, and " +
    'with more the number is computed from this sample and DBSIZE (shown with ~). A process has a connected store ' +
    'for each DRedisStore; servers before Redis 7.2 do not tell it. With a topology record, also shows its epoch, the ' +
    'epoch of each server, which servers are leaving, away or returning, and how far an unfinished change has come. ' +
    'Exit status 1 if something is wrong, with what to do: for example, a server is down or away. A change that is ' +
    'not finished counts as wrong unless a program goes on with it.',
  options: [new Option('--watch', 'show it again every two seconds, until Ctrl-C'), OWNS_DATABASE_OPTION],
  examples: [
    ['--nodes 10.0.0.1,10.0.0.2', 'are all servers well?'],
    ['--watch', 'watch the servers from DREDIS_NODES'],
    ['--json', 'a record for a monitoring system'],
  ],

  async run({ options, output, signal }: Invocation<StatusOptions>) {
    const fleet = await Fleet.open(options);
    try {
      let result: ExitStatus | undefined;
      do {
        if (result !== undefined) await fleet.connect();
        const report = await readFleet(fleet, options, signal);
        if (signal.aborted) break;
        if (options.watch) output.clear();
        output.result(report, () => printStatus(report, output));
        if (options.watch && !process.stdout.isTTY) output.line();
        result = report.isFine ? exitStatus.fine : exitStatus.problem;
        if (options.watch) await sleep(INTERVAL_MS, signal);
      } while (options.watch && !signal.aborted);
      if (result === undefined) signal.throwIfAborted();
      return result ?? exitStatus.problem;
    } finally {
      await fleet.close();
    }
  },
};

/** Two readings of a node, and what only the first has. */
interface FullReadings extends Readings {
  readonly reading: Reading;
}

async function readFleet(
  fleet: Fleet,
  { ownsDatabase }: StatusOptions,
  signal: AbortSignal,
): Promise<StatusReport> {
  const ours = await readOurKeys(fleet, ownsDatabase);
  const read = async (member: Member): Promise<FullReadings[]> => {
    try {
      const startedAt = timers.now();
      const reading = await readNode(member, ours.prefixes, fleet);
      await sleep(startedAt + INTERVAL_MS - timers.now(), signal);
      const after = await readInfo(member);
      const elapsedMs = Math.max(1, timers.now() - startedAt);
      return [{ member, reading, before: reading.info, after, elapsedMs }];
    } catch (error) {
      fleet.failed(member.node.name, error);
      return [];
    }
  };
  const readings = (await Promise.all(fleet.reachable.map(read))).flat();
  const problems = [
    ...fleet.problems,
    ...topologyProblems(fleet, isRunning(readings)),
    ...ours.refusals,
    ...diagnose(readings),
    // Stores that look whether a node is back do not follow its old record.
    ...readings.flatMap(({ member, reading }) =>
      member.absence === undefined ? storeProblems(member, reading.stores ?? [], fleet) : [],
    ),
  ];
  const { record, snapshot } = fleet;
  return {
    isFine: problems.length === 0,
    epoch: record?.epoch ?? 0,
    phase: record?.phase ?? 'settled',
    fingerprint: snapshot.ring.fingerprint(),
    nodes: reportsOf(fleet, readings),
    change: record?.phase === 'moving' ? changeOf(fleet, readings) : null,
    problems,
    notes: topologyNotes(fleet),
  };
}

function changeOf(fleet: Fleet, readings: readonly FullReadings[]): ChangeReport {
  const counts = readings.flatMap(({ member: { node, absence }, reading: { keys } }) =>
    keys === undefined || absence === 'away' ? [] : [[node.name, keys] as const],
  );
  const { movedCount, leftCount, isEstimate } = movingKeys(fleet, new Map(counts));
  const fraction = leftCount === 0 ? 1 : movedCount / (movedCount + leftCount);
  const backTo = fleet.movesBackTo ?? null;
  return { fraction, leftCount, isEstimate, backTo, isRunning: backTo !== null || isRunning(readings) };
}

/** Whether a program changes the topology. */
const isRunning = (readings: readonly FullReadings[]) => readings.some(({ reading }) => reading.hasOperator);

function reportsOf(fleet: Fleet, readings: readonly FullReadings[]): readonly NodeReport[] {
  const shares = fleet.snapshot.ring.shares();
  const ideals = idealShares(
    fleet.members.map(({ node, weight = 0, absence: state }) => ({ name: node.name, weight, state })),
  );
  return fleet.members.map((member) => {
    const { node, address, weight = null, absence: recorded = 'in' } = member;
    const found = readings.find((each) => each.member === member);
    return {
      node: node.name,
      address,
      state: found === undefined ? 'down' : 'up',
      recorded,
      epoch: found === undefined ? null : epochOf(member, fleet),
      weight,
      share: shares.get(node.name) ?? 0,
      idealShare: ideals.get(node.name) ?? 0,
      ...measures(found),
      stores:
        found?.reading.stores?.map((store) => ({ ...store, agrees: agrees(store, fleet) ?? null })) ?? null,
    };
  });
}

function measures(readings: FullReadings | undefined) {
  const info = readings?.after ?? new Map<string, string>();
  const [hits, misses] = [infoNumber(info, 'keyspace_hits') ?? 0, infoNumber(info, 'keyspace_misses') ?? 0];
  return {
    keyCount: readings?.reading.keys?.count ?? null,
    isEstimate: readings?.reading.keys?.isEstimate ?? false,
    usedBytes: infoNumber(info, 'used_memory') ?? null,
    maxBytes: infoNumber(info, 'maxmemory') || null,
    hitRate: hits + misses === 0 ? null : hits / (hits + misses),
    evictedCount: infoNumber(info, 'evicted_keys') ?? null,
    evictedPerSecond: readings === undefined ? 0 : evictionRate(readings),
  };
}
