import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Env, run } from './command-line.js';
import { install, type Manager } from './install.js';

/** Something to try in order to have Redis servers. */
export type Way =
  | { readonly type: 'run'; readonly command: string }
  | { readonly type: 'install'; readonly manager: Manager }
  | { readonly type: 'docker' };

/** What a search ends with: a program to run, or a Docker that works. */
export type Found = Exclude<Way, { type: 'install' }>;

export interface Machine {
  readonly isRoot: boolean;
  /** The path of a command, if the machine has it. */
  find(command: string): string | undefined;
}

const HELP = `Do one of these, then run again:
  - install Redis or Valkey, so that redis-server or valkey-server is on PATH
  - install Docker with its compose plugin, and start it
  - set REDIS_LOCATIONS=host:port,host:port,... to servers that already run`;

/** The ways that this machine offers, in the order to try them. */
export function waysToRedis({ isRoot, find }: Machine): readonly Way[] {
  const command = find('redis-server') ?? find('valkey-server');
  if (command !== undefined) return [{ type: 'run', command }];
  const ways: Way[] = [];
  if (isRoot && find('apt-get')) ways.push({ type: 'install', manager: 'apt-get' });
  // Homebrew refuses to run as root.
  if (!isRoot && find('brew')) ways.push({ type: 'install', manager: 'brew' });
  if (find('docker')) ways.push({ type: 'docker' });
  return ways;
}

/** @throws Error that says what was tried and what to do, when no way leads anywhere */
export async function findServer(env: Env, isRoot = process.getuid?.() === 0): Promise<Found> {
  const machine: Machine = { isRoot, find: (command) => findOnPath(command, env) };
  const failures: string[] = [];
  for (const way of waysToRedis(machine)) {
    if (way.type === 'run') return way;
    try {
      if (way.type === 'docker') {
        await run(['docker', 'info'], env);
        await run(['docker', 'compose', 'version'], env);
        return way;
      }
      await install(way.manager, env);
      const [installed] = waysToRedis(machine);
      if (installed?.type === 'run') return installed;
      failures.push(`${way.manager} installed it, but there is still no redis-server on PATH`);
    } catch (error) {
      failures.push(String(error instanceof Error ? error.message : error));
    }
  }
  const tried = failures.map((failure) => `  - ${failure.replaceAll('\n', '\n    ')}\n`).join('');
  throw new Error(`Found no Redis server to start.${tried && `\nTried in vain:\n${tried}`}\n${HELP}`);
}

/** The path of a command. */
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
