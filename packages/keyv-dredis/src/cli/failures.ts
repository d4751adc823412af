import { SupersededError } from '../node/superseded.js';
import type { Problem } from './output.js';

/** The first word of the server's reply; undefined if the server did not reply with an error. */
export function replyCodeOf(failure: unknown): string | undefined {
  const cause = failure instanceof Error ? failure.cause : undefined;
  return cause instanceof Error ? /^[A-Z]+(?= )/.exec(cause.message)?.[0] : undefined;
}

/** What to do on the command line, where the advice of the store, which names its options, does not help. */
const ADVICE: Readonly<Record<string, string>> = {
  NOAUTH:
    'it needs a password: set DREDIS_PASSWORD, or write it into the URL (redis://user:password@host:port)',
  WRONGPASS: 'it refuses the user name or the password: correct DREDIS_PASSWORD, or those in the URL',
};

/** The topology has changed while a command was running. */
export const SUPERSEDED: Problem = {
  node: 'topology',
  message: 'the servers of the cache have changed meanwhile: run the command again',
};

/** A failure of a node without the node's name. */
export function explain(error: unknown, name: string): string {
  if (error instanceof SupersededError) return SUPERSEDED.message;
  const advice = ADVICE[replyCodeOf(error) ?? ''];
  if (advice !== undefined) return advice;
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(`Node ${name} is unavailable: `, '').replace(`Node ${name} `, 'it ');
}
