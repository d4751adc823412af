let lastTurn = 0;

/**
 * The topology has changed while a command was waiting or in flight, so its reply does not count. Or the node was lost,
 * and the topology is going to change. The call starts over. Callers of the store never see this error.
 */
export class SupersededError extends Error {
  override readonly name = 'SupersededError';
  /** When the time limit of the call ends, on the clock of `timers.now()`. Undefined if no limit applies. */
  readonly expiresAt: number | undefined;
  /** The reply that does not count; undefined if there was none. */
  readonly reply: unknown;
  /** Calls for one key start over in this order, which is the order of the commands on their connection. */
  readonly turn: number;

  constructor(expiresAt?: number, reply?: unknown) {
    super('The topology has changed, or the node is lost');
    lastTurn += 1;
    this.turn = lastTurn;
    this.expiresAt = expiresAt;
    this.reply = reply;
  }
}
