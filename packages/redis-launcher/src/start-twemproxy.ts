import { randomInt } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from './ask.js';
import type { Env } from './command-line.js';
import { findTwemproxy } from './find-twemproxy.js';
import { HOST } from './server-command.js';
import { Supervisor } from './supervisor.js';

/** Below the ephemeral port range, as in start-redis.ts. */
const PORTS = { first: 10_000, end: 32_768 };
const PORT_TRIES = 20;
const PORT_IS_TAKEN = /address already in use/i;
const START_TIMEOUT_MS = 5_000;
const POLL_MS = 20;
const LOG = 'log';

export interface TwemproxyOptions {
  /** `host:port` of each server behind the proxy. */
  readonly servers: readonly string[];
  /** Environment with PATH. @default process.env */
  readonly env?: Env;
}

export interface Twemproxy extends AsyncDisposable {
  /** `host:port` */
  readonly location: string;
  readonly pid: number;
  /** Stops the proxy. Resolves once the process has exited and its folder is deleted. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts twemproxy on loopback and resolves once it replies. The proxy ends on `stop()`, or soon after this
 * process ends. It is configured to place keys as `hash-ring` does (MD5, ketama). twemproxy's default
 * hash function is 64-bit FNV-1a. With that function, keys that differ only in their last characters would go
 * to the same server.
 *
 * @throws Error if there is no twemproxy, or if it fails (the message contains its log)
 */
export async function startTwemproxy({ servers, env = process.env }: TwemproxyOptions): Promise<Twemproxy> {
  const program = await findTwemproxy(env);
  const supervisor = await Supervisor.start(env);
  const stop = () => supervisor.end();
  try {
    for (let tries = 1; ; tries++) {
      const port = randomInt(PORTS.first, PORTS.end);
      const location = `${HOST}:${port}`;
      const folder = join(supervisor.folder, String(tries));
      mkdirSync(folder);
      writeFileSync(join(folder, 'nutcracker.yml'), configuration(location, servers));
      try {
        const pid = await supervisor.ask({
          type: 'start',
          server: tries,
          run: [program, ...argumentsFor(randomInt(PORTS.first, PORTS.end))],
          container: undefined,
          silent: true,
          timeoutMs: START_TIMEOUT_MS,
        });
        await waitForReply(location, join(folder, LOG));
        return { location, pid, stop, [Symbol.asyncDispose]: stop };
      } catch (error) {
        await supervisor.ask({ type: 'discard', server: tries });
        if (!PORT_IS_TAKEN.test(String(error)) || tries === PORT_TRIES) throw error;
      }
    }
  } catch (error) {
    await stop();
    throw error;
  }
}

function configuration(location: string, servers: readonly string[]): string {
  const placement = ['  hash: md5', '  distribution: ketama'];
  const lines = ['pool:', `  listen: ${location}`, '  redis: true', '  preconnect: true', ...placement];
  return `${[...lines, '  servers:', ...servers.map((server) => `    - ${server}:1`)].join('\n')}\n`;
}

/**
 * Keeps all files in the proxy's folder, because the supervisor deletes that folder. By default, on Debian,
 * the files are in /run and /var/log.
 */
function argumentsFor(statsPort: number): string[] {
  const stats = ['--stats-addr', HOST, '--stats-port', String(statsPort)];
  return ['--conf-file', 'nutcracker.yml', '--pid-file', 'pid', '--output', LOG, ...stats];
}

async function waitForReply(location: string, log: string): Promise<void> {
  const endsAt = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      await ask(location, ['PING']);
      return;
    } catch (cause) {
      const written = existsSync(log) ? readFileSync(log, 'utf8').trim() : '';
      // twemproxy logs this last line when it ends, for example because a port is taken.
      if (Date.now() > endsAt || written.endsWith('done, rabbit done')) {
        throw new Error(`twemproxy does not reply:\n${written}`, { cause });
      }
      await sleep(POLL_MS);
    }
  }
}
