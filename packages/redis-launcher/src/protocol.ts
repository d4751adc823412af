export type CommandLine = readonly [command: string, ...args: string[]];

export interface StartOrder {
  readonly type: 'start';
  /** The server's number, which outlives its processes. */
  readonly server: number;
  readonly run: CommandLine;
  /** The Docker container that `run` makes, if it does: it has to be stopped by its name. */
  readonly container: string | undefined;
  /** It does not say when it listens: done when it runs, and whoever asked has to find out. @default false */
  readonly silent?: boolean;
  readonly timeoutMs: number;
}

/** What can be asked about a server that was started. */
export type ServerOrder =
  | { readonly type: 'signal'; readonly signal: 'SIGSTOP' | 'SIGCONT' }
  /** SIGKILL; done when it is gone. */
  | { readonly type: 'kill' }
  /** Kill, and delete its folder. */
  | { readonly type: 'discard' };

/** What the launcher asks of its supervisor. To start is done when the server listens, be it already. */
export type Order = StartOrder | (ServerOrder & { readonly server: number });

export type Request = Order & { readonly id: number };

/** The supervisor says `hello` when it is there, then sends one answer to each request. */
export type Reply =
  | { readonly type: 'hello'; readonly folder: string }
  | { readonly type: 'done'; readonly id: number; readonly pid: number }
  | { readonly type: 'failed'; readonly id: number; readonly message: string };
