/*
 * Judges what clients see. A read is stale if its value was overwritten: by a write that began after the value's own
 * write had ended, and that had itself ended, or been seen, before the read began.
 *
 * A whole history in the state would make nearly every state unique. This is all that the rule needs:
 *
 * - `ended`: the writes that have ended;
 * - the mark of a client that writes: the writes that had ended when its write began;
 * - `outdated`: the writes whose values must not be returned by a read that begins now. When a write ends or is seen,
 *   its mark is added;
 * - the mark of a client that reads: `outdated` when its read began.
 *
 * For the other rule, loss, the lowest bit of a read's mark says that a write ran at the same time.
 */

/** Operations of a client. */
export type Verb = 'get' | 'set' | 'delete';

/** No value. Values are numbers: each set writes a value of its own. */
export const NONE = -1;
/** A value that was overwritten before the beginning. */
export const OLD_VALUE = 0;
/** The value that the key has at the beginning. */
export const INITIAL_VALUE = 1;

export interface JudgedConfig {
  /** Operations in order. Each client is a process of its own. */
  readonly clients: readonly (readonly Verb[])[];
  /**
   * `stale`: a read returns an old value. `loss`: a read finds nothing although the key was set, was never deleted, and no
   * write runs meanwhile. @default stale
   */
  readonly judge?: 'stale' | 'loss';
}

export interface JudgedClient {
  /** The present operation is the one with this index. */
  index: number;
  /** `idle` between two operations. */
  readonly step: string;
  mark: number;
}

export interface JudgedState {
  readonly clients: readonly JudgedClient[];
  /** Sets of writes, as bits. */
  ended: number;
  outdated: number;
  violation: string | undefined;
}

/** What the judge knows at the beginning. */
export const UNJUDGED = {
  ended: (1 << OLD_VALUE) | (1 << INITIAL_VALUE),
  outdated: 1 << OLD_VALUE,
  violation: undefined,
};

/** The number of a write, and the value that it writes. */
export function writeOf(config: JudgedConfig, id: number, index: number): number {
  let number = INITIAL_VALUE + 1;
  for (let before = 0; before < id; before += 1)
    number += (config.clients[before] as readonly string[]).length;
  return number + index;
}

export function begin(config: JudgedConfig, state: JudgedState, id: number): void {
  const client = state.clients[id] as JudgedClient;
  const isRead = verbOf(config, id, client) === 'get';
  if (config.judge === 'loss') {
    const writes = state.clients.filter((other, index) => isWriting(config, index, other));
    client.mark = Number(isRead && writes.length > 0);
    if (!isRead) for (const other of state.clients) if (other.step !== 'idle') other.mark = 1;
    return;
  }
  client.mark = isRead ? state.outdated : state.ended;
}

export function endWrite(config: JudgedConfig, state: JudgedState, id: number): void {
  const client = state.clients[id] as JudgedClient;
  if (config.judge === 'loss') return;
  state.ended |= 1 << writeOf(config, id, client.index);
  state.outdated |= client.mark;
}

export function endRead(config: JudgedConfig, state: JudgedState, id: number, value: number): void {
  const { mark, index } = state.clients[id] as JudgedClient;
  if (config.judge === 'loss') {
    if (value === NONE && mark === 0) state.violation = `client ${id} misses a value in call ${index}`;
    return;
  }
  if (value === NONE) return;
  if (mark & (1 << value)) state.violation = `client ${id} reads an old value, ${value}, in call ${index}`;
  state.clients.forEach((writer, writerId) => {
    const isWriter = isWriting(config, writerId, writer) && writeOf(config, writerId, writer.index) === value;
    if (isWriter) state.outdated |= writer.mark;
  });
}

function isWriting(config: JudgedConfig, id: number, client: JudgedClient): boolean {
  return client.step !== 'idle' && verbOf(config, id, client) !== 'get';
}

function verbOf(config: JudgedConfig, id: number, { index }: JudgedClient) {
  return config.clients[id]?.[index];
}
