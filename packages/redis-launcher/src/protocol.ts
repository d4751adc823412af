export type CommandLine = readonly [command: string, ...args: string[]];

export interface StartOrder {
  readonly type: 'start';
  /** Number of the server. It stays the same when the server is started again. */
  readonly server: number;
  readonly run: CommandLine;
  /** Name of the Docker container that `run` creates, needed to stop it; undefined without Docker. */
  readonly container: string | undefined;
  /**
   * Whether the program does not log that it is listening. If so, the order is done once the process is
   * running. @default false
   */
  readonly silent?: boolean;
  readonly timeoutMs: number;
}

/** An order that is sent to a running server. */
export type ServerOrder =
  | { readonly type: 'signal'; readonly signal: 'SIGSTOP' | 'SIGCONT' }
  /** Sends SIGKILL. The order is done once the process has exited. */
  | { readonly type: 'kill' }
  /** Kills the server and deletes its folder. */
  | { readonly type: 'discard' };

/**
 * An order to the supervisor. A start order is done once the server is listening, or at once if it is already
 * listening.
 */
export type Order = StartOrder | (ServerOrder & { readonly server: number });

export type Request = Order & { readonly id: number };

/** The supervisor sends `hello` when it is ready, then one reply per request. */
export type Reply =
  | { readonly type: 'hello'; readonly folder: string }
  | { readonly type: 'done'; readonly id: number; readonly pid: number }
  | { readonly type: 'failed'; readonly id: number; readonly message: string };
