import { Option } from 'commander';
import type { PrefixSet } from '../../format/prefix-set.js';
import { pagesOf } from '../../sharding/scan.js';
import { watchScan } from '../../sharding/scan-progress.js';
import { type CliCommand, type CommonOptions, type Invocation, YES_OPTION } from '../command.js';
import { exitStatus } from '../exit-status.js';
import { assertSettled, Fleet, type Member } from '../fleet.js';
import { removeKeys } from '../guarded-writes.js';
import { count, percent, plural, printable } from '../numbers.js';
import { type OurKeys, OWNS_DATABASE_OPTION, readOurKeys } from '../our-keys.js';
import type { Output, Problem } from '../output.js';
import { Progress } from '../progress.js';
import { confirm } from '../prompts.js';

interface OrphansOptions extends CommonOptions {
  readonly remove?: boolean;
  readonly yes?: boolean;
  readonly ownsDatabase?: boolean;
}

/** The keys of stores on one node. */
interface NodeOrphans {
  readonly node: string;
  /** Keys of stores, including orphans. */
  keyCount: number;
  orphanCount: number;
  removedCount: number;
  /** Some of the orphans, with their owners. */
  readonly examples: { readonly key: string; readonly owner: string }[];
}

/** Keys per SCAN. */
const PAGE_SIZE = 1000;

const MAX_EXAMPLES = 3;

export const orphans: CliCommand = {
  name: 'orphans',
  summary: 'find keys on servers that do not own them, and remove them',
  description:
    'Finds keys of stores on servers that do not own them. They are left over when servers were added or removed. ' +
    'Stores do not read them, but they take memory, and after another change they could be read again as old ' +
    'values. The namespaces that stores have registered on the servers tell which keys belong to stores. All other ' +
    'keys, and the keys that begin with %dredis:, are never touched. Servers that are away are left out, because ' +
    'stores remove old keys there when these servers return. --remove is refused while keys move between two rings, ' +
    'and while a server is leaving, away or returning. Costs one SCAN of each server, and --remove one more. Exit status 1 if there are orphans, and they were not removed.',
  options: [new Option('--remove', 'remove them, after a question'), YES_OPTION, OWNS_DATABASE_OPTION],
  examples: [
    ['--nodes 10.0.0.1,10.0.0.2', 'are there orphans?'],
    ['--remove', 'remove them after a question (servers from DREDIS_NODES)'],
    ['--remove --yes --json', 'remove them from a script'],
  ],

  async run({ options, output, signal }: Invocation<OrphansOptions>) {
    const fleet = await Fleet.open(options);
    try {
      if (options.remove) assertSettled(fleet, 'orphans are removed');
      const ours = await readOurKeys(fleet, options.ownsDatabase);
      const found = await search(fleet, ours.prefixes, output, signal);
      signal.throwIfAborted();
      const orphanCount = sum(found, 'orphanCount');
      if (!output.isJson) print(found, ours, output);
      if (options.remove && orphanCount > 0) {
        if (!options.yes) await confirm(`Remove ${plural(orphanCount, 'key')}?`, output);
        await removeAll(fleet, ours.prefixes, found, output, signal);
      }
      const problems = [...fleet.problems, ...ours.refusals];
      output.result({ nodes: found, problems, isStopped: signal.aborted }, () =>
        printEnd(options, found, problems, signal.aborted, output),
      );
      const isLeft = sum(found, 'removedCount') < orphanCount;
      return isLeft || problems.length > 0 || signal.aborted ? exitStatus.problem : exitStatus.fine;
    } finally {
      await fleet.close();
    }
  },
};

const sum = (found: readonly NodeOrphans[], field: 'keyCount' | 'orphanCount' | 'removedCount') =>
  found.reduce((total, counts) => total + counts[field], 0);

async function search(fleet: Fleet, prefixes: PrefixSet, output: Output, signal: AbortSignal) {
  const found: NodeOrphans[] = [];
  let seenCount = 0;
  await scanAll(fleet, prefixes, { output, signal, what: 'keys checked' }, (member) => {
    const counts: NodeOrphans = {
      node: member.node.name,
      keyCount: 0,
      orphanCount: 0,
      removedCount: 0,
      examples: [],
    };
    found.push(counts);
    return async (keys) => {
      const strays = orphansOf(keys, member, fleet);
      counts.keyCount += keys.length;
      counts.orphanCount += strays.length;
      counts.examples.push(...strays.slice(0, MAX_EXAMPLES - counts.examples.length));
      seenCount += keys.length;
      return seenCount;
    };
  });
  return found;
}

async function removeAll(
  fleet: Fleet,
  prefixes: PrefixSet,
  found: readonly NodeOrphans[],
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const counts = new Map(found.map((each) => [each.node, each]));
  await scanAll(fleet, prefixes, { output, signal, what: 'keys removed' }, (member) => async (keys) => {
    const strays = orphansOf(keys, member, fleet);
    if (strays.length > 0) {
      const keys = strays.map(({ key }) => key);
      const removedCount = await removeKeys(member.node, keys, fleet.head);
      (counts.get(member.node.name) as NodeOrphans).removedCount += removedCount;
    }
    return sum(found, 'removedCount');
  });
}

/** The keys that another node owns, without those that still have to move from here. */
function orphansOf(keys: readonly string[], { node }: Member, fleet: Fleet) {
  const { snapshot } = fleet;
  const owners = snapshot.ring.getManyIndexes(keys);
  return keys.flatMap((key, index) => {
    const owner = snapshot.byIndex[owners[index] as number];
    if (owner === undefined || owner === node || fleet.mayHold(node, key)) return [];
    return [{ key, owner: owner.name }];
  });
}

/** Handles a page of keys. @returns the number for the progress */
type OnPage = (keys: readonly string[]) => Promise<number>;

/** Scans all usable nodes in parallel, with one page in flight per node. Ctrl-C ends it after these pages. */
async function scanAll(
  fleet: Fleet,
  prefixes: PrefixSet,
  { output, signal, what }: { readonly output: Output; readonly signal: AbortSignal; readonly what: string },
  onPageOf: (member: Member) => OnPage,
): Promise<void> {
  if (prefixes.size === 0) return;
  const progress = new Progress(output, what);
  const fractions = new Map<Member, number>();
  let done = 0;
  const show = () => {
    const fraction = [...fractions.values()].reduce((total, each) => total + each, 0) / fractions.size;
    progress.update(fraction, done, { keyCount: done });
  };
  const scan = async (member: Member) => {
    const onPage = onPageOf(member);
    fractions.set(member, 0);
    const run = watchScan(
      (...request) => member.node.run(...request),
      (fraction) => {
        signal.throwIfAborted();
        fractions.set(member, fraction);
        show();
      },
    );
    for await (const keys of pagesOf(run, prefixes, PAGE_SIZE)) {
      done = await onPage(keys);
    }
  };
  const failed = (member: Member, error: unknown) => {
    if (!signal.aborted) fleet.failed(member.node.name, error);
  };
  await Promise.all(fleet.usable.map((member) => scan(member).catch((error) => failed(member, error))));
  progress.stop();
}

function print(found: readonly NodeOrphans[], { prefixes, ignoresBareKeys }: OurKeys, output: Output): void {
  if (prefixes.size === 0) {
    output.line(
      'No store has registered a namespace on these servers, so no key counts as a key of a store.',
    );
  } else {
    output.table(
      [{ title: 'node', isText: true }, { title: 'keys of stores' }, { title: 'orphans' }, { title: 'part' }],
      found.map(({ node, keyCount, orphanCount }) => [
        node,
        count(keyCount),
        count(orphanCount),
        percent(orphanCount / Math.max(1, keyCount)),
      ]),
    );
  }
  if (ignoresBareKeys) {
    output.line('Keys without a prefix do not count, as other programs may own them: see --owns-database.');
  }
  const examples = found.flatMap((each) => each.examples.map((example) => ({ ...example, node: each.node })));
  if (examples.length === 0) return;
  output.heading('Examples');
  output.table(
    [
      { title: 'key', isText: true },
      { title: 'on', isText: true },
      { title: 'owner', isText: true },
    ],
    examples.map(({ key, node, owner }) => [printable(key), node, owner]),
  );
  if (sum(found, 'orphanCount') > sum(found, 'keyCount') / 2) {
    output.line();
    output.line(
      'Most keys are orphans. Do the processes have the same servers, names and weights as --nodes?',
    );
  }
}

function printEnd(
  { remove }: OrphansOptions,
  found: readonly NodeOrphans[],
  problems: readonly Problem[],
  isStopped: boolean,
  output: Output,
): void {
  output.line();
  if (remove) output.line(`Removed ${plural(sum(found, 'removedCount'), 'key')}.`);
  else if (sum(found, 'orphanCount') > 0) output.line('To remove them, add --remove.');
  if (isStopped) output.line('Stopped before the end. Run the command again to go on.');
  output.problems(problems);
}
