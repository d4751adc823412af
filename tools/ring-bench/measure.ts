import { execFileSync, spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Nanoseconds of processor time per operation, including garbage collection: the median, the fastest round
 * and the slowest round.
 */
export interface Timing {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function timing(rounds: readonly number[]): Timing {
  const sorted = rounds.toSorted((a, b) => a - b);
  return {
    median: sorted[sorted.length >> 1] as number,
    min: sorted[0] as number,
    max: sorted.at(-1) as number,
  };
}

/** Does a contender's work once. @returns the number of operations */
export type Work = () => number;

/**
 * Measures contenders in turn, round by round, so that noise on the machine affects all of them. The result
 * is processor time, so it does not include the time of other processes. The first rounds are a warm-up and
 * do not count.
 */
export function inTurn<Name extends string>(
  contenders: Record<Name, Work>,
  { rounds = 9, warmup = 2 } = {},
): Record<Name, Timing> {
  const times = Object.fromEntries(Object.keys(contenders).map((name) => [name, [] as number[]]));
  for (let round = -warmup; round < rounds; round++) {
    for (const [name, work] of Object.entries<Work>(contenders)) {
      const start = process.cpuUsage();
      const count = work();
      const { user, system } = process.cpuUsage(start);
      const ns = ((user + system) * 1000) / count;
      if (round >= 0) times[name]?.push(ns);
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, rounds]) => [name, timing(rounds)])) as Record<
    Name,
    Timing
  >;
}

/**
 * MD5 in C. If a C compiler and OpenSSL's headers are installed, this calls OpenSSL directly. Otherwise, it
 * uses Node.js's binding to OpenSSL.
 */
export interface NativeMd5 {
  readonly name: string;
  readonly time: (keys: readonly string[], rounds: number) => Timing;
  readonly close: () => void;
}

export function nativeMd5(): NativeMd5 {
  const folder = mkdtempSync(join(tmpdir(), 'hash-ring-bench-'));
  const close = () => rmSync(folder, { recursive: true });
  const program = join(folder, 'md5');
  const source = fileURLToPath(new URL('md5.c', import.meta.url));
  // OpenSSL 3 deprecates MD5(), because it is not secure.
  const compiled = spawnSync('cc', [
    '-O2',
    '-Wno-deprecated-declarations',
    source,
    '-o',
    program,
    '-lcrypto',
  ]);
  if (compiled.status === 0) {
    return {
      name: "OpenSSL's MD5() called from C",
      time: (keys, rounds) => {
        const input = `${keys.join('\n')}\n`;
        const output = execFileSync(program, [String(rounds)], { input, stdio: ['pipe', 'pipe', 'ignore'] });
        return timing(output.toString().trim().split('\n').map(Number));
      },
      close,
    };
  }
  return {
    name: "Node.js's crypto.hash including its binding, because no C compiler with OpenSSL's headers is installed",
    time: (keys, rounds) =>
      inTurn(
        {
          native: () => {
            for (const key of keys) hash('md5', key, 'buffer');
            return keys.length;
          },
        },
        { rounds },
      ).native,
    close,
  };
}

export function machine(): string {
  const processors = cpus();
  return `${processors.length} x ${processors[0]?.model.trim()}, Node.js ${process.versions.node}, V8 ${process.versions.v8}`;
}
