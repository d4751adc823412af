export type CommandLine = readonly [command: string, ...args: string[]];

export interface StartOrder {
  readonly type: 'start';
  /** Number of the server. It stays the same when the server is started again. */
  readonly server: number;
  readonly run: CommandLine;
  /** Name of the Docker container that `run` creates, needed to stop it; undefined without Docker. */
  readonly container: string | undefined;
  /** The program does not log when it listens: the order is done when the process runs. @default false */
  readonly silent?: boolean;
  readonly timeoutMs: number;
}

/** An order for a server that was started. */
export type ServerOrder =
  | { readonly type: 'signal'; readonly signal: 'SIGSTOP' | 'SIGCONT' }
  /** SIGKILL; done when the process is gone. */
  | { readonly type: 'kill' }
  /** Kills the server and deletes its folder. */
  | { readonly type: 'discard' };

/** An order to the supervisor. A start is done when the server listens, also if it did before. */
export type Order = StartOrder | (ServerOrder & { readonly server: number });

export type Request = Order & { readonly id: number };

/** The supervisor sends `hello` when it is ready, then one reply per request. */
export type Reply =
  | { readonly type: 'hello'; readonly folder: string }
  | { readonly type: 'done'; readonly id: number; readonly pid: number }
  | { readonly type: 'failed'; readonly id: number; readonly message: string };
