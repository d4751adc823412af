import { read } from 'read';
import { StoppedError, UsageError } from './exit-status.js';
import type { Output } from './output.js';

/** Whether somebody can answer a question. */
const canAsk = () => process.stdin.isTTY === true;

/** Asks for a password, which is not shown. @returns undefined if nobody can answer */
export async function askPassword(what: string): Promise<string | undefined> {
  if (!canAsk()) return undefined;
  const password = await ask({ prompt: `Password for ${what}:`, silent: true });
  // The terminal does not show the Enter key either.
  process.stderr.write('\n');
  return password;
}

/**
 * Asks before a command changes something. A preview is printed before.
 *
 * @throws StoppedError if the answer is not yes
 * @throws UsageError if nobody can answer
 */
export async function confirm(question: string, output: Output): Promise<void> {
  if (!canAsk() || output.isJson) {
    throw new UsageError('This changes keys, and stdin is no terminal to ask you: add --yes, or --dry-run');
  }
  const answer = await ask({ prompt: `${question} (y/N)` });
  if (!/^y(es)?$/i.test(answer.trim())) throw new StoppedError('Nothing was changed.');
}

/** stdout is for results, so questions go to stderr. */
async function ask(question: { prompt: string; silent?: boolean }): Promise<string> {
  try {
    return await read({ ...question, output: process.stderr });
  } catch {
    process.stderr.write('\n');
    throw new StoppedError('Stopped.');
  }
}
