import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Env, run } from './command-line.js';
import { install, type PackageManager } from './install.js';

/** A way to get a Redis server. */
export type ServerSource =
  | { readonly type: 'run'; readonly command: string }
  | { readonly type: 'install'; readonly manager: PackageManager }
  | { readonly type: 'docker' };

/** Result of a search: a program to run, or a working Docker installation. */
export type ServerProgram = Exclude<ServerSource, { type: 'install' }>;

export interface Machine {
  readonly isRoot: boolean;
  /** The path of a command; undefined if the machine does not have it. */
  find(command: string): string | undefined;
}

const HELP = `Do one of these, then try again:
  - install Redis or Valkey, so that redis-server or valkey-server is on PATH
  - install Docker with its compose plugin, and start it
  - set REDIS_LOCATIONS=host:port,host:port,... to running servers`;

/** The sources that this machine has, in the order in which to try them. */
export function serverSources({ isRoot, find }: Machine): readonly ServerSource[] {
  const command = find('redis-server') ?? find('valkey-server');
  if (command !== undefined) return [{ type: 'run', command }];
  const sources: ServerSource[] = [];
  if (isRoot && find('apt-get')) sources.push({ type: 'install', manager: 'apt-get' });
  // Homebrew refuses to run as root.
  if (!isRoot && find('brew')) sources.push({ type: 'install', manager: 'brew' });
  if (find('docker')) sources.push({ type: 'docker' });
  return sources;
}

/** @throws Error if there is no server; the message lists the failed attempts and says what to do */
export async function findServer(env: Env, isRoot = process.getuid?.() === 0): Promise<ServerProgram> {
  const machine: Machine = { isRoot, find: (command) => findOnPath(command, env) };
  const failures: string[] = [];
  for (const source of serverSources(machine)) {
    if (source.type === 'run') return source;
    try {
      if (source.type === 'docker') {
        await run(['docker', 'info'], env);
        await run(['docker', 'compose', 'version'], env);
        return source;
      }
      await install(source.manager, env);
      const [installed] = serverSources(machine);
      if (installed?.type === 'run') return installed;
      failures.push(`${source.manager} installed Redis, but there is still no redis-server on PATH`);
    } catch (error) {
      failures.push(String(error instanceof Error ? error.message : error));
    }
  }
  const attempts = failures.map((failure) => `  - ${failure.replaceAll('\n', '\n    ')}\n`).join('');
  throw new Error(`Found no Redis server to start.${attempts && `\nFailed attempts:\n${attempts}`}\n${HELP}`);
}

/** The path of a command on PATH; undefined if there is none. */
export function findOnPath(command: string, { PATH = '' }: Env): string | undefined {
  return PATH.split(delimiter)
    .map((folder) => join(folder, command))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
