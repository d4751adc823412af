/** Exit statuses of the command line. */
export const exitStatus = {
  fine: 0,
  /** Something is wrong with a node or with the keys, or the command has not finished its work. */
  problem: 1,
  /** Wrong usage, or a refused change. Nothing has changed. */
  wrongUsage: 2,
} as const;

export type ExitStatus = (typeof exitStatus)[keyof typeof exitStatus];

/** Wrong usage that the parser of the command line cannot notice. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The user has stopped the command with Ctrl-C, or has answered a question with no. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError';
}
