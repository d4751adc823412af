import { randomInt } from 'node:crypto';
import { basename, join } from 'node:path';
import type { Env } from './command-line.js';
import { type Found, findServer } from './find-server.js';
import type { ServerOrder } from './protocol.js';
import { HOST, serverCommand } from './server-command.js';
import { Supervisor } from './supervisor.js';

/**
 * Ports are drawn from below those that Linux (from 32768) and macOS (from 49152) give to outgoing
 * connections. One of those could go to some client while its server is down for a test, even to the very
 * client that tries to reconnect to it, and the server could not come back.
 */
const PORTS = { first: 10_000, end: 32_768 };
const PORT_TRIES = 20;
/** In the words of a server, and in those of Docker. */
const PORT_IS_TAKEN = /address already in use|port is already allocated/i;

/** Docker may have to load the image first. */
const START_TIMEOUT_MS = { run: 20_000, docker: 300_000 };

export interface StartOptions {
  /** @default 4 */
  readonly count?: number;
  /**
   * Further arguments of redis-server; they win over `--save '' --appendonly no`. Where Docker runs it,
   * it does not see the files of this machine.
   */
  readonly args?: readonly string[];
  /** Listen with TLS only; `args` must name the certificates. @default false */
  readonly tls?: boolean;
  /** Where PATH is looked up. @default process.env */
  readonly env?: Env;
}

export interface RedisServer {
  readonly host: string;
  readonly port: number;
  /** `host:port` */
  readonly location: string;
  /** Of the running process, or the last one that ran. With Docker, of its client. */
  readonly pid: number;
  /** The server's working directory, unless Docker runs it. */
  readonly folder: string;
  /** SIGKILL: the server loses what it holds, and its connections. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Once more after `kill()`, on the same port. Does nothing while the server runs. */
  start(): Promise<void>;
  /** SIGSTOP: connections are accepted by the system, and nothing is ever answered. */
  pause(): Promise<void>;
  /** SIGCONT */
  resume(): Promise<void>;
  /** `kill()`, and the folder is deleted. */
  stop(): Promise<void>;
}

export interface RedisServers extends AsyncDisposable {
  readonly servers: readonly RedisServer[];
  readonly locations: readonly string[];
  /** Resolves when no process and no folder is left. May be called again. */
  stop(): Promise<void>;
}

/**
 * Starts real Redis servers on loopback and resolves when all of them listen. They are gone when `stop()`
 * resolves, or soon after this process has ended in whatever way.
 *
 * @throws Error that says what to do when there is no server to start, or with the server's own words
 */
export async function startRedis(options: StartOptions = {}): Promise<RedisServers> {
  const { count = 4, args = [], tls = false, env = process.env } = options;
  const found = await findServer(env);
  const supervisor = await Supervisor.start(env);
  const stop = () => supervisor.end();
  try {
    const servers = await Promise.all(
      Array.from({ length: count }, (_, number) => startServer({ supervisor, found, number, args, tls })),
    );
    const locations = servers.map(({ location }) => location);
    return { servers, locations, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Setup {
  readonly supervisor: Supervisor;
  readonly found: Found;
  readonly number: number;
  readonly args: readonly string[];
  readonly tls: boolean;
}

async function startServer(setup: Setup): Promise<RedisServer> {
  for (let tries = 1; ; tries++) {
    const server = new SupervisedServer(setup, randomInt(PORTS.first, PORTS.end));
    try {
      await server.start();
      return server;
    } catch (error) {
      // To ask beforehand whether a port is free tells nothing about the moment of the start.
      if (!PORT_IS_TAKEN.test(String(error)) || tries === PORT_TRIES) throw error;
    }
  }
}

class SupervisedServer implements RedisServer {
  readonly host = HOST;
  readonly port: number;
  readonly location: string;
  readonly folder: string;
  pid = 0;
  readonly #setup: Setup;

  constructor(setup: Setup, port: number) {
    this.port = port;
    this.location = `${HOST}:${port}`;
    this.folder = join(setup.supervisor.folder, String(setup.number));
    this.#setup = setup;
  }

  async start(): Promise<void> {
    const { supervisor, found, number, args, tls } = this.#setup;
    const container = `${basename(supervisor.folder)}-${number}`;
    this.pid = await supervisor.ask({
      type: 'start',
      server: number,
      run: serverCommand(found, { port: this.port, args, tls, container }),
      container: found.type === 'docker' ? container : undefined,
      timeoutMs: START_TIMEOUT_MS[found.type],
    });
  }

  kill(): Promise<void> {
    return this.#ask({ type: 'kill' });
  }

  pause(): Promise<void> {
    return this.#ask({ type: 'signal', signal: 'SIGSTOP' });
  }

  resume(): Promise<void> {
    return this.#ask({ type: 'signal', signal: 'SIGCONT' });
  }

  stop(): Promise<void> {
    return this.#ask({ type: 'discard' });
  }

  async #ask(order: ServerOrder): Promise<void> {
    await this.#setup.supervisor.ask({ ...order, server: this.#setup.number });
  }
}
