import { randomInt } from 'node:crypto';
import { basename, join } from 'node:path';
import type { Env } from './command-line.js';
import { findServer, type ServerProgram } from './find-server.js';
import type { ServerOrder } from './protocol.js';
import { HOST, serverCommand } from './server-command.js';
import { Supervisor } from './supervisor.js';

/**
 * Ports are random, and below the ephemeral port range (from 32768 on Linux, from 49152 on macOS). If a
 * server had an ephemeral port, an outgoing connection could take that port while a test has the server down.
 * Then the server could not start again.
 */
const PORTS = { first: 10_000, end: 32_768 };
const PORT_TRIES = 20;
/** Messages from Redis and from Docker. */
const PORT_IS_TAKEN = /address already in use|port is already allocated/i;

/** Docker may have to pull the image first. */
const START_TIMEOUT_MS = { run: 20_000, docker: 300_000 };

export interface StartOptions {
  /** @default 4 */
  readonly count?: number;
  /**
   * Extra arguments for redis-server. They override `--save '' --appendonly no`. With Docker, the server
   * cannot access files on this machine.
   */
  readonly args?: readonly string[];
  /** Listens with TLS only; `args` must name the certificates. @default false */
  readonly tls?: boolean;
  /** Environment with PATH. @default process.env */
  readonly env?: Env;
}

export interface RedisServer {
  readonly host: string;
  readonly port: number;
  /** `host:port` */
  readonly location: string;
  /** Process id, which stays set after a kill. With Docker, the Docker client's process id. */
  readonly pid: number;
  /** The server's working directory. Not used with Docker. */
  readonly folder: string;
  /** Sends SIGKILL: the server loses its data and its connections. Resolves once the process has exited. */
  kill(): Promise<void>;
  /** Starts the server again after `kill()`, on the same port. Does nothing if the server is running. */
  start(): Promise<void>;
  /** Sends SIGSTOP: the operating system still accepts connections, but the server does not reply. */
  pause(): Promise<void>;
  /** Sends SIGCONT, which undoes `pause()`. */
  resume(): Promise<void>;
  /** Kills the server and deletes its folder. */
  stop(): Promise<void>;
}

export interface RedisServers extends AsyncDisposable {
  readonly servers: readonly RedisServer[];
  readonly locations: readonly string[];
  /** Stops all servers. Resolves once the processes have exited and the folders are deleted. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts real Redis servers on loopback and resolves once all of them are listening. The servers end on
 * `stop()`, or soon after this process ends for any reason, including SIGKILL.
 *
 * @throws Error if there is no server to start (the message says what to do), or if a server fails (the
 * message contains its output)
 */
export async function startRedis(options: StartOptions = {}): Promise<RedisServers> {
  const { count = 4, args = [], tls = false, env = process.env } = options;
  const program = await findServer(env);
  const supervisor = await Supervisor.start(env);
  const stop = () => supervisor.end();
  try {
    const servers = await Promise.all(
      Array.from({ length: count }, (_, number) => startServer({ supervisor, program, number, args, tls })),
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
  readonly program: ServerProgram;
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
      // Checking beforehand would be a race: another process can take the port before the server starts.
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
    const { supervisor, program, number, args, tls } = this.#setup;
    const container = `${basename(supervisor.folder)}-${number}`;
    this.pid = await supervisor.ask({
      type: 'start',
      server: number,
      run: serverCommand(program, { port: this.port, args, tls, container }),
      container: program.type === 'docker' ? container : undefined,
      timeoutMs: START_TIMEOUT_MS[program.type],
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
