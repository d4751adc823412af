// @ts-check
/**
 * Owns the servers and their folder on behalf of the process that forked it, and lives just long
 * enough after that process to take them away.
 *
 * A process that is killed can clean up nothing, so somebody else has to. The channel between the two
 * closes however the parent ends: that is the only signal which always comes. Plain JavaScript, because
 * it must run on Node.js 20 with no loader.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * @import { ChildProcess } from 'node:child_process'
 * @import { CommandLine, Order, Reply, Request } from './protocol.js'
 */

/**
 * The line that Redis and Valkey alike log when they listen. It is read from the server's own output
 * because a PING could be answered by a stranger who holds the port, and would need a password or TLS.
 */
const READY = 'Ready to accept connections';
const START_TIMEOUT_MS = 20_000;
const LOG_TAIL_CHARS = 4_000;

const folder = mkdtempSync(join(tmpdir(), 'redis-launcher-'));
/** @type {Map<number, ChildProcess>} the last process of each server, by the server's number */
const servers = new Map();
/** @type {Set<ChildProcess>} commands under way */
const running = new Set();
/** @type {CommandLine[]} */
const atEnd = [];
let ending = false;

/** @param {Reply} reply */
function send(reply) {
  // The callback takes the error of a parent that has just gone; its absence would throw it.
  process.send?.(reply, undefined, undefined, () => {});
}

/** @param {ChildProcess} child */
const isRunning = (child) => child.pid !== undefined && child.exitCode === null && child.signalCode === null;

/** SIGKILL, for it ends a stopped process too, and there is nothing in these servers to save.
 * @param {ChildProcess} child */
async function kill(child) {
  if (!isRunning(child)) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/**
 * Resolves as soon as the output holds `ready`, or with the end of the command if there is none to wait for.
 * @param {ChildProcess} child
 * @param {string} [ready]
 */
function comesUp(child, ready) {
  return new Promise((resolve, reject) => {
    let log = '';
    for (const stream of [child.stdout, child.stderr]) {
      // Read for ever: a server whose pipe is full would stand still.
      stream?.setEncoding('utf8').on('data', (chunk) => {
        log = (log + chunk).slice(-LOG_TAIL_CHARS);
        if (ready !== undefined && log.includes(ready)) resolve(child.pid);
      });
    }
    child.once('error', reject);
    child.once('close', (code) => {
      if (ready === undefined && code === 0) resolve(child.pid);
      else reject(new Error(`${child.spawnfile} ended with code ${code}:\n${log.trim()}`));
    });
  });
}

/** @param {Extract<Order, { type: 'start' }>} order */
async function start({ server, command, args }) {
  const current = servers.get(server);
  if (current !== undefined && isRunning(current)) return current.pid;
  const cwd = join(folder, String(server));
  mkdirSync(cwd, { recursive: true });
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  servers.set(server, child);
  const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
  try {
    return await comesUp(child, READY);
  } finally {
    clearTimeout(timer);
  }
}

/** @param {CommandLine} commandLine */
async function run([command, ...args]) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  try {
    return await comesUp(child);
  } finally {
    running.delete(child);
  }
}

/**
 * @param {Order} order
 * @returns {Promise<number>} the process id that the order is about, 0 where there is none any more
 */
async function obey(order) {
  if (ending) throw new Error('the supervisor is ending');
  if (order.type === 'hold') {
    // Noted first, so that a parent lost half-way up is cleaned up after as well.
    atEnd.push(order.down);
    return run(order.up);
  }
  if (order.type === 'start') return start(order);

  const child = servers.get(order.server);
  if (child === undefined) return 0;
  if (order.type === 'signal') {
    child.kill(order.signal);
    return child.pid ?? 0;
  }
  await kill(child);
  if (order.type === 'discard') rmSync(join(folder, String(order.server)), { recursive: true, force: true });
  return 0;
}

async function end() {
  if (ending) return;
  ending = true;
  try {
    await Promise.all([...servers.values(), ...running].map(kill));
    await Promise.allSettled(atEnd.map(run));
    rmSync(folder, { recursive: true, force: true });
  } finally {
    process.exit();
  }
}

process.on('message', (/** @type {Request} */ request) => {
  obey(request).then(
    (pid) => send({ type: 'done', id: request.id, pid }),
    (error) => send({ type: 'failed', id: request.id, message: error.message }),
  );
});
process.on('disconnect', end);
for (const signal of /** @type {const} */ (['SIGTERM', 'SIGINT', 'SIGHUP'])) process.on(signal, end);
process.on('uncaughtException', (error) => {
  console.error(error);
  end();
});
send({ type: 'hello', folder });
