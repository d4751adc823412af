/*
 * Beginnings of runs that are too rare to be found in seconds. Each tells what the left-out part is for.
 */

const OPERATOR_DECIDES_MOVING = [
  'operator 0, epoch 0: start',
  'operator 0, epoch 0: spread at 0',
  'operator 0, epoch 0: spread at 1',
  'operator 0, epoch 0: sweep',
  'operator 0, epoch 0: decide',
];

/**
 * A server has the moving record, a client acts under it, and the server comes back empty. Now no server has the
 * record, so another client acts as if there were no change.
 */
export const LAST_RECORD_IS_LOST = [
  ...OPERATOR_DECIDES_MOVING,
  'operator 0, epoch 1: spread at 0',
  'client 0: begins set',
  'client 0: opens 0, epoch 1',
  'client 0, epoch 1: unlink at 0 is sent',
  'client 0, epoch 1: unlink at 0 is executed',
  'server 0 comes back empty',
  'client 1: begins get',
  'client 1: opens 0, epoch 0',
];

/** A server comes back empty after it was told, and before the other one is told. The operator does not notice. */
export const TOLD_SERVER_IS_EMPTY = [
  ...OPERATOR_DECIDES_MOVING,
  'operator 0, epoch 1: spread at 0',
  'server 0 comes back empty',
  'client 1: opens 0, epoch 0',
  'operator 0, epoch 1: spread at 1',
];

/** A write is executed at the previous owner after the key has moved, and after the sweep before the next change. */
export const WRITE_IS_LATE = [
  'client 0: begins set',
  'client 0, epoch 0: write at 0 is sent',
  ...OPERATOR_DECIDES_MOVING,
  ...[
    'spread at 0',
    'spread at 1',
    'lease',
    'fetch',
    'store',
    'drop',
    'confirm at 0',
    'confirm at 1',
    'decide',
  ].map((step) => `operator 0, epoch 1: ${step}`),
  'operator 0, epoch 2: spread at 0',
  'operator 0, epoch 2: spread at 1',
  'operator 1, epoch 0: start',
  'operator 1, epoch 2: spread at 0',
  'operator 1, epoch 2: spread at 1',
  'operator 1, epoch 2: sweep',
  'client 0, epoch 0: write at 0 is executed, superseded',
];

/** A voter is about to be initialised. Before that, it is initialised for another proposer, votes, and is empty again. */
export const VOTER_IS_EMPTY_AGAIN = [
  'voter 0 comes back empty',
  'proposer 1: begins round 1',
  'voter 0: prepare 2, replies',
  'proposer 1: begins round 2',
  ...[0, 1, 2].map((voter) => `voter ${voter}: prepare 4, replies`),
  'proposer 1: initialises voters',
  'proposer 0: begins round 1',
  'voter 0: prepare 1, replies',
  'proposer 0: begins round 2',
  'proposer 0: begins round 3',
  ...[0, 1, 2].map((voter) => `voter ${voter}: prepare 5, replies`),
  'proposer 0: initialises voters',
  'voter 0: initialise 5, replies',
  'proposer 0: proposes 1',
  'voter 0: accept 5',
  'voter 1: accept 5',
  'voter 0 comes back empty',
];

/** Y may execute it at any time. */
const WRITE_IS_SENT_TO_Y = ['client 0: begins set', 'client 0, in 0: write at Y is sent'];

const AWAY_IS_DECIDED = [
  'operator, in 0: decide leaving',
  ...['spread at Z', 'spread at X', 'sweep Z', 'begin log at Z', 'decide away'].map(
    (step) => `operator, leaving 1: ${step}`,
  ),
];

export const Y_IS_AWAY = [
  ...AWAY_IS_DECIDED,
  'operator, away 2: spread at Z',
  'operator, away 2: spread at X',
];

const CLIENT_WRITES_AT_Z = [
  'client 0: begins set',
  'client 0: opens X, away 2',
  'client 0: opens Z, away 2',
  'client 0, away 2: log at Z is sent',
  'client 0, away 2: log at Z is executed',
  'client 0, away 2: write at Z is executed',
];

/** Y may execute a write at any time, and its reply does not count. */
export const WRITE_IS_IN_FLIGHT = [...WRITE_IS_SENT_TO_Y, ...Y_IS_AWAY];

/** Another client has not heard of it. */
export const Y_MISSES_A_WRITE = [...Y_IS_AWAY, ...CLIENT_WRITES_AT_Z];

/** The same if writes are not logged. */
export const Y_MISSES_AN_UNLOGGED_WRITE = [
  ...Y_IS_AWAY,
  ...CLIENT_WRITES_AT_Z.slice(0, 3),
  'client 0, away 2: write at Z is sent',
  'client 0, away 2: write at Z is executed',
];

/** Y may execute a write at any time that the client sends again. */
const WRITE_GETS_NO_REPLY = [
  ...WRITE_IS_SENT_TO_Y,
  'client 0, in 0: write at Y gets no reply, and the call starts over',
];

/** The write is sent to Z instead. */
export const WRITE_IS_SENT_TO_Z = [...WRITE_GETS_NO_REPLY, ...Y_IS_AWAY, ...CLIENT_WRITES_AT_Z.slice(1)];

/** The same client overwrites its value. */
export const WRITE_IS_OVERWRITTEN_AT_Z = [
  ...WRITE_IS_SENT_TO_Z,
  'client 0: begins set',
  ...CLIENT_WRITES_AT_Z.slice(3),
  'operator, away 2: spread at Y',
  'operator, away 2: decide returning',
];

/** Y is leaving when the write gets no reply, and then somebody objects. */
export const WRITE_IS_SENT_AFTER_AN_OBJECTION = [
  ...WRITE_GETS_NO_REPLY,
  'operator, in 0: decide leaving',
  'operator, leaving 1: spread at Z',
  'operator, leaving 1: spread at X',
  'operator, leaving 1: decide in',
];

/** The log is lost, too. */
export const LOG_IS_LOST = [...Y_MISSES_A_WRITE, 'Z comes back empty'];

/** A client writes at the only server that holds the record, with a lease that X has granted under the record before. */
export const ONLY_HOLDER_IS_EMPTY = [
  ...AWAY_IS_DECIDED,
  'operator, away 2: spread at Z',
  'client 0: begins set',
  'client 0: opens X, leaving 1',
  'client 0: opens Z, away 2',
  ...CLIENT_WRITES_AT_Z.slice(3),
  'Z comes back empty',
];

/**
 * Y is swept early. After that, Y executes a write that was sent before Y was away. The write is superseded, starts over,
 * and is overwritten. The key's name was in the log before.
 */
export const Y_IS_SWEPT_TOO_EARLY = [
  'client 1: begins set',
  'client 1, in 0: write at Y is sent',
  ...Y_IS_AWAY,
  'operator, away 2: spread at Y',
  ...CLIENT_WRITES_AT_Z,
  'operator, away 2: sweep Y early',
  'client 1, in 0: write at Y is executed after a push',
  'client 1: opens Y, away 2',
  'client 1: opens Z, away 2',
  'client 1: opens X, away 2',
  'client 1, away 2: log at Z is sent',
  'client 1, away 2: log at Z is executed',
  'client 1, away 2: write at Z is executed',
  'client 0: begins set',
  'client 0, away 2: log at Z is sent',
  'client 0, away 2: log at Z is executed',
  'client 0, away 2: write at Z is executed',
];
