export type CommandLine = readonly [command: string, ...args: string[]];

/** What can be asked about a server that was started. */
export type ServerOrder =
  | { readonly type: 'signal'; readonly signal: 'SIGSTOP' | 'SIGCONT' }
  /** SIGKILL; done when it is gone. */
  | { readonly type: 'kill' }
  /** Kill, and delete its folder. */
  | { readonly type: 'discard' };

/** What the launcher asks of its supervisor. A server's number outlives its processes. */
export type Order =
  /** Done when the server listens; done at once when it runs already. */
  | {
      readonly type: 'start';
      readonly server: number;
      readonly command: string;
      readonly args: readonly string[];
    }
  | (ServerOrder & { readonly server: number })
  /** Runs `up` to its end now, and `down` when all is taken away. */
  | { readonly type: 'hold'; readonly up: CommandLine; readonly down: CommandLine };

export type Request = Order & { readonly id: number };

/** The supervisor says `hello` when it is there, then sends one answer to each request. */
export type Reply =
  | { readonly type: 'hello'; readonly folder: string }
  | { readonly type: 'done'; readonly id: number; readonly pid: number }
  | { readonly type: 'failed'; readonly id: number; readonly message: string };
