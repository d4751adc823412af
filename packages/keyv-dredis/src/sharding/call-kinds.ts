import type { Commands, Entry, SharedCommandName } from '../node/commands.js';

/** A call, of which a write of a value is also an entry. */
type Call = { readonly key: string } | Entry;

/** What the calls have in common that can share a command. */
export interface CallKind {
  readonly isWrite: boolean;
  /** Whether the calls read values. Then calls for the same key share one, and calls that start over keep together. */
  readonly readsValues: boolean;
  /** The command that calls share. */
  commandFor(calls: readonly Call[]): SharedCommandName;
  /**
   * Sends one command for several calls.
   *
   * @param keys the key of each call
   * @returns the result of each call, or the server's error reply for this call alone
   */
  request(commands: Commands, keys: readonly string[], calls: readonly Call[]): Promise<readonly unknown[]>;
}

export const GET: CallKind = {
  isWrite: false,
  readsValues: true,
  commandFor: () => 'MGET',
  request: (commands, keys) => commands.mGet(keys),
};

export const HAS: CallKind = {
  isWrite: false,
  readsValues: false,
  commandFor: () => 'EVAL',
  request: (commands, keys) => commands.existsEach(keys),
};

export const SET: CallKind = {
  isWrite: true,
  readsValues: false,
  commandFor: (calls) =>
    (calls as readonly Entry[]).some(({ expiresAt }) => expiresAt !== undefined) ? 'EVAL' : 'MSET',
  async request(commands, _keys, calls) {
    const entries = calls as readonly Entry[];
    if (SET.commandFor(calls) === 'EVAL') return commands.setEach(entries);
    await commands.setAll(entries);
    return entries.map(() => true);
  },
};

export const DELETE: CallKind = {
  isWrite: true,
  readsValues: false,
  commandFor: () => 'EVAL',
  request: (commands, keys) => commands.unlinkEach(keys),
};
