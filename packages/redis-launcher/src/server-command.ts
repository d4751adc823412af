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
    // Last, so that they override `args`: the supervisor reads from the output whether the server is up.
    ...['--daemonize', 'no', '--logfile', '', '--loglevel', 'notice'],
  ];
  if (program.type === 'run') return [program.command, '--bind', HOST, ...options(port)];
  return [
    ...(['docker', 'compose', '--file', COMPOSE_FILE, 'run', '--rm', '-T', '--name', container] as const),
    ...['--publish', `${HOST}:${port}:${CONTAINER_PORT}`, 'redis-1'],
    // In a container all clients are remote. Its port is published on loopback only.
    ...['redis-server', '--protected-mode', 'no', ...options(CONTAINER_PORT)],
  ];
}
