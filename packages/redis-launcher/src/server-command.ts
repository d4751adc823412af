import { fileURLToPath } from 'node:url';
import type { Found } from './find-server.js';
import type { CommandLine } from './protocol.js';

export const HOST = '127.0.0.1';
const COMPOSE_FILE = fileURLToPath(new URL('../../../compose.yaml', import.meta.url));
const CONTAINER_PORT = 6379;

/** How a server is to be run. */
export interface ServerSetup {
  readonly port: number;
  readonly args: readonly string[];
  readonly tls: boolean;
  /** Name for the container, if it comes to one. */
  readonly container: string;
}

/** The command that runs a server in the foreground, be it a program or a container of compose.yaml. */
export function serverCommand(found: Found, { port, args, tls, container }: ServerSetup): CommandLine {
  const options = (listenPort: number) => [
    ...(tls ? ['--port', '0', '--tls-port', `${listenPort}`] : ['--port', `${listenPort}`]),
    ...['--save', '', '--appendonly', 'no'],
    ...args,
    // Last, so that they win: the supervisor reads in the output whether the server is up.
    ...['--daemonize', 'no', '--logfile', '', '--loglevel', 'notice'],
  ];
  if (found.type === 'run') return [found.command, '--bind', HOST, ...options(port)];
  return [
    ...(['docker', 'compose', '--file', COMPOSE_FILE, 'run', '--rm', '-T', '--name', container] as const),
    ...['--publish', `${HOST}:${port}:${CONTAINER_PORT}`, 'redis-1'],
    // To a container all clients are remote, and it is published to this machine alone.
    ...['redis-server', '--protected-mode', 'no', ...options(CONTAINER_PORT)],
  ];
}
