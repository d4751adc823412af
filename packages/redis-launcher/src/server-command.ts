import { fileURLToPath } from 'node:url';
import type { ServerProgram } from './find-server.js';
import type { CommandLine } from './protocol.js';

export const HOST = '127.0.0.1';
const COMPOSE_FILE = fileURLToPath(new URL('../../../compose.yaml', import.meta.url));
const CONTAINER_PORT = 6379;

/** Settings of one server. */
export interface ServerSetup {
  readonly port: number;
  readonly args: readonly string[];
  readonly tls: boolean;
  /** Name of the container, if Docker runs the server. */
  readonly container: string;
}

/** The command that runs a server in the foreground: a program, or a container of compose.yaml. */
export function serverCommand(
  program: ServerProgram,
  { port, args, tls, container }: ServerSetup,
): CommandLine {
  const options = (listenPort: number) => [
    ...(tls ? ['--port', '0', '--tls-port', `${listenPort}`] : ['--port', `${listenPort}`]),
    ...['--save', '', '--appendonly', 'no'],
    ...args,
    // These options come last, so that they override `args`. The supervisor needs them, because it detects
    // from the output that the server is up.
    ...['--daemonize', 'no', '--logfile', '', '--loglevel', 'notice'],
  ];
  if (program.type === 'run') return [program.command, '--bind', HOST, ...options(port)];
  return [
    ...(['docker', 'compose', '--file', COMPOSE_FILE, 'run', '--rm', '-T', '--name', container] as const),
    ...['--publish', `${HOST}:${port}:${CONTAINER_PORT}`, 'redis-1'],
    // A server in a container sees all clients as remote, so protected mode would refuse them. Turning it off
    // is safe, because the container's port is published only on loopback.
    ...['redis-server', '--protected-mode', 'no', ...options(CONTAINER_PORT)],
  ];
}
