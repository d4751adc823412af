import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { ask } from 'redis-launcher';

/** A run's environment, which affects its figures. */
export interface Machine {
  readonly cpu: string;
  readonly cpuCount: number;
  readonly memoryGb: number;
  readonly system: string;
  readonly node: string;
  readonly redis: string;
  readonly packages: Readonly<Record<string, string>>;
  /** The repository's commit, followed by `+` if the sources have uncommitted changes. */
  readonly commit: string;
  /** Load average in the minute before the run. It is near 0 on an idle machine. */
  readonly loadBefore: number;
}

const PACKAGES = ['redis', '@keyv/redis', 'ioredis', 'keyv', 'keyv5'];

/**
 * @param location `host:port` of a running Redis server
 * @param execPath the Node.js executable that runs the contestants
 */
export async function describeMachine(location: string, execPath: string): Promise<Machine> {
  const [loadBefore = 0] = loadavg();
  const info = await ask(location, ['INFO', 'server']);
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cpuCount: cpus().length,
    memoryGb: Math.round(totalmem() / 1e9),
    system: `${process.platform} ${release()}`,
    node: execFileSync(execPath, ['--version'], { encoding: 'utf8' }).trim(),
    redis: /(?:valkey|redis)_version:(\S+)/.exec(info)?.[1] ?? 'unknown',
    packages: Object.fromEntries(PACKAGES.map((name) => [name, versionOf(name)])),
    commit: commit(),
    loadBefore,
  };
}

function versionOf(name: string): string {
  const require = createRequire(import.meta.url);
  // Not every package exports its package.json.
  for (let folder = dirname(require.resolve(name)); folder !== dirname(folder); folder = dirname(folder)) {
    try {
      const { name: found, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      if (found !== undefined && version !== undefined) return version;
    } catch {
      // This folder has no package.json, so the search continues in its parent.
    }
  }
  return 'unknown';
}

function commit(): string {
  try {
    const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();
    const changed = git('status', '--porcelain', '--untracked-files=no', '--', 'packages/*/src') !== '';
    return git('rev-parse', '--short', 'HEAD') + (changed ? '+' : '');
  } catch {
    return 'unknown';
  }
}
