import { randomInt } from 'node:crypto';
import { basename, join } from 'node:path';
import type { Env } from './command-line.js';
import { findServer, type ServerProgram } from './find-server.js';
import type { ServerOrder } from './protocol.js';
import { HOST, serverCommand } from './server-command.js';
import { Supervisor } from './supervisor.js';

/**
 * Random ports below those of outgoing connections (from 32768 on Linux, from 49152 on macOS). An outgoing
 * connection could take the port of a server while a test has it down, and the server could not start again.
 */
const PORTS = { first: 10_000, end: 32_768 };
const PORT_TRIES = 20;
/** Messages of Redis and of Docker. */
const PORT_IS_TAKEN = /address already in use|port is already allocated/i;

/** Docker may have to pull the image first. */
const START_TIMEOUT_MS = { run: 20_000, docker: 300_000 };

export interface StartOptions {
  /** @default 4 */
  readonly count?: number;
  /**
   * Further arguments of redis-server; they override `--save '' --appendonly no`. With Docker, the server has no
   * access to files of this machine.
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
  /** Process id, also of a server that was killed. With Docker, it is that of the Docker client. */
  readonly pid: number;
  /** Working directory of the server. Not used with Docker. */
  readonly folder: string;
  /** SIGKILL: the server loses its data and its connections. Resolves when the process is gone. */
  kill(): Promise<void>;
  /** Starts the server again after `kill()`, on the same port. Does nothing if the server runs. */
  start(): Promise<void>;
  /** SIGSTOP: the system still accepts connections, but the server does not reply. */
  pause(): Promise<void>;
  /** SIGCONT: undoes `pause()`. */
  resume(): Promise<void>;
  /** Kills the server and deletes its folder. */
  stop(): Promise<void>;
}

export interface RedisServers extends AsyncDisposable {
  readonly servers: readonly RedisServer[];
  readonly locations: readonly string[];
  /** Resolves when no process and no folder is left. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts real Redis servers on loopback and resolves when all of them listen. They end with `stop()`, and soon
 * after this process ends in any way, including SIGKILL.
 *
 * @throws Error that says what to do if there is no server to start, or with the output of a server that fails
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
