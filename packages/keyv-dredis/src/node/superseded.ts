import { timers } from '../timers.js';

let lastTurn = 0;
let isRecent = false;

/** A number for a call or command: later ones get higher numbers. */
export function nextTurn(): number {
  lastTurn += 1;
  return lastTurn;
}

/**
 * Whether calls may be about to start over: the errors that make them do so were created in this turn of the event loop,
 * and reach them in promise jobs.
 */
export function areCallsStartingOver(): boolean {
  return isRecent;
}

/**
 * The topology has changed while a command was waiting or in flight, so its reply does not count. Or the node was lost,
 * and the topology is going to change. The call starts over. Callers of the store never see this error.
 */
export class SupersededError extends Error {
  override readonly name = 'SupersededError';
  /** Calls for one key start over in this order, which is the order in which their commands were sent. */
  readonly turn: number;
  /** When the time limit of the call ends, on the clock of `timers.now()`. Undefined if no limit applies. */
  readonly expiresAt: number | undefined;
  /** The reply that does not count; undefined if there was none. */
  readonly reply: unknown;

  constructor(turn = nextTurn(), expiresAt?: number, reply?: unknown) {
    super('The topology has changed, or the node is lost');
    this.turn = turn;
    this.expiresAt = expiresAt;
    this.reply = reply;
    if (isRecent) return;
    isRecent = true;
    timers.setImmediate(() => {
      isRecent = false;
    });
  }
}
