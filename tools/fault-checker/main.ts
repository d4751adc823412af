/**
 * Breaks servers and connections under many clients of the store in several processes, and checks afterwards that
 * none of them read what it must not; in the style of Jepsen. `npx -y pnpm@12 check:failures --seconds 60`; see
 * options.ts, and check-history.ts for the rules.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { heading, line } from '../terminal/terminal.js';
import { checkHistory } from './check-history.js';
import { type Entry, entriesOf, historyOf, linesOf } from './history.js';
import { parseOptions } from './options.js';
import { printReport, shortcomings } from './report.js';
import { run } from './run.js';

/** Not in git: histories that prove a violation. */
const FOLDER = fileURLToPath(new URL('../../.checker/', import.meta.url));
const EXIT_CODE_OF_SIGINT = 130;

const options = parseOptions(process.argv.slice(2));
const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // A second one ends it at once; what was started ends with it.
  process.once(signal, () => interruption.abort());
}

if (options.historyFile !== undefined) {
  judge(entriesOf(readFileSync(resolve(options.historyFile), 'utf8')));
} else {
  for (const mode of options.modes) {
    heading(`mode ${mode ?? '(default)'}, seed ${options.seed}`);
    try {
      const entries = await run(
        { ...options, mode, ms: (options.seconds * 1000) / options.modes.length },
        interruption.signal,
      );
      if (!judge(entries)) line(`the history is in ${keep(entries, `${mode ?? 'default'}-${options.seed}`)}`);
    } catch (error) {
      if (!interruption.signal.aborted) throw error;
      process.exitCode = EXIT_CODE_OF_SIGINT;
      break;
    }
  }
}

/** Prints what came of a run. @returns whether all is well */
function judge(entries: readonly Entry[]): boolean {
  const history = historyOf(entries);
  const verdict = checkHistory(history);
  printReport(history, verdict);
  const missing = shortcomings(history, verdict);
  for (const text of missing) line(`the run falls short: ${text}`);
  if (verdict.violations.length === 0 && missing.length === 0) return true;
  process.exitCode = 1;
  return false;
}

function keep(entries: readonly Entry[], name: string): string {
  mkdirSync(FOLDER, { recursive: true });
  const path = join(FOLDER, `${name}.jsonl`);
  writeFileSync(path, linesOf(entries));
  return relative('', path);
}
