import type { Commands } from './commands.js';

/** Sends commands to a node, and returns the reply. */
export type Request<T> = (commands: Commands) => Promise<T>;

/** A command of callers, and what gets its outcome. An object, because a promise or closures would cost more. */
export interface CallerCommand<T> {
  /** Number of calls of the store that share the command. */
  readonly callCount: number;
  /** Sends the command. */
  request(commands: Commands): Promise<T>;
  /**
   * Gets the reply.
   *
   * @param expiresAt when the time limit of the command ends, on the clock of `timers.now()`
   * @throws MalformedReplyError
   */
  resolve(reply: T, commands: Commands, expiresAt: number): void;
  /** @param expiresAt see {@link CallerCommand.resolve}; undefined if the command was not sent */
  reject(error: unknown, expiresAt?: number): void;
}

export interface SendOptions {
  /**
   * Whether the command comes from the store itself and not from a caller. Such a command is sent even if
   * the node is not recovered. It does not affect the node's health, and does not delay `close()`.
   * @default false
   */
  readonly isMaintenance?: boolean;
  /**
   * Whether the command only reads. If the connection is lost before the reply, the command is sent once more on
   * the next connection.
   * @default false
   */
  readonly isRead?: boolean;
  /**
   * Epoch of the topology under which the caller acts. If the server holds the record of another epoch when the
   * command is sent or when the reply comes, the reply does not count, and the call is rejected with SupersededError.
   * @default not checked
   */
  readonly epoch?: number;
}

/** Epoch of a node whose topology record is not known. */
export const UNKNOWN_EPOCH = -1;

/** Options for maintenance commands. See {@link SendOptions}. */
export const MAINTENANCE: SendOptions = { isMaintenance: true };

/** Options for commands that only read. See {@link SendOptions}. */
export const READ_ONLY: SendOptions = { isRead: true };
