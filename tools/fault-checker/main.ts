/**
 * Fault checker: injects faults into servers, connections and processes while many clients use the store. It checks
 * that no client reads a value that, by the store's guarantees, must be gone. It works like Jepsen.
 *
 *     npx -y pnpm@12 check:failures --seconds 60 --mode failover
 *
 * `--help` lists the options. A run starts four Redis servers, or six in the modes with operators, and several worker
 * processes with several clients each, and records a history. Then it prints
 *
 * - one row of counts: operations, reads, hits, reads that could be stale, failovers, faults, violations;
 * - the number of faults of each kind;
 * - an example of each kind of violation, with other events shortly before the violation.
 *
 * It exits with code 1 if there is a violation, or if the run was too short to prove anything. The history of
 * such a run is kept in `.checker/`, and `--history file` checks it again.
 *
 * Terms:
 *
 * - **client**: one store in a worker process. Clients are replaced by new ones during the run.
 * - **operation**: the part of a client's call that concerns one key, or a `clear()`. It is invoked, and
 *   later completes.
 * - **history**: the list of a run's operations, node view changes, topologies and faults, with their times.
 * - **node view**: a node's state (up, suspect, down, returning) as one client sees it.
 * - **topology**: the record that all clients have in common: the nodes, and which of them are leaving, away or
 *   returning. All others are in.
 * - **failover**: a node is declared away.
 * - **nemesis**: the part of the checker that injects faults.
 * - **mode**: the stores' `nodeDownPolicy`; or `membership` (policy `error`) and `everything` (policy `failover`), in
 *   which operators change the topology meanwhile. modes.ts has the settings.
 * - **operator**: a process that changes the topology. The nemesis kills and stops it.
 * - **stale read**: a read that returns a value older than a write that was acknowledged, or a value that was seen,
 *   before the read began.
 *
 * check-history.ts, check-values.ts and check-topology.ts have the exact rules.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { heading, line } from '../terminal/terminal.js';
import { checkHistory } from './check-history.js';
import { type Entry, parseEntries, serializeEntries, toHistory } from './history.js';
import { parseOptions } from './options.js';
import { coverageGaps, printReport } from './report.js';
import { run } from './run.js';

/** Histories of failed runs. Git ignores this folder. */
const FOLDER = fileURLToPath(new URL('../../.checker/', import.meta.url));
const SIGINT_EXIT_CODE = 130;

const options = parseOptions(process.argv.slice(2));
const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // A second signal ends this process at once; workers and servers end with it.
  process.once(signal, () => interruption.abort());
}

if (options.historyFile !== undefined) {
  checkAndReport(parseEntries(readFileSync(resolve(options.historyFile), 'utf8')));
} else {
  for (const mode of options.modes) {
    heading(`mode ${mode}, seed ${options.seed}`);
    try {
      const durationMs = (options.seconds * 1000) / options.modes.length;
      const entries = await run({ ...options, mode, durationMs }, interruption.signal);
      if (!checkAndReport(entries)) {
        line(`history: ${saveHistory(entries, `${mode}-${options.seed}`)}`);
      }
    } catch (error) {
      if (!interruption.signal.aborted) throw error;
      process.exitCode = SIGINT_EXIT_CODE;
      break;
    }
  }
}

/** Prints a run's result. @returns whether the run passed */
function checkAndReport(entries: readonly Entry[]): boolean {
  const history = toHistory(entries);
  const result = checkHistory(history);
  printReport(history, result);
  const gaps = coverageGaps(history, result);
  for (const gap of gaps) line(`the run is inconclusive: ${gap}`);
  if (result.violations.length === 0 && gaps.length === 0) return true;
  process.exitCode = 1;
  return false;
}

/** @returns the path of the file */
function saveHistory(entries: readonly Entry[], name: string): string {
  mkdirSync(FOLDER, { recursive: true });
  const path = join(FOLDER, `${name}.jsonl`);
  writeFileSync(path, serializeEntries(entries));
  return relative('', path);
}
