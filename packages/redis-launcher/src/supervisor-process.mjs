// @ts-check
/**
 * The supervisor runs its parent process's servers. When the parent ends, the supervisor stops the servers
 * and deletes their folder.
 *
 * A process that gets SIGKILL cannot clean up, so a second process has to. The supervisor notices the end of
 * the parent because the IPC channel closes, even after SIGKILL. This file is plain JavaScript, because it
 * must run on Node.js 20 without a loader.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * @import { ChildProcess } from 'node:child_process'
 * @import { Order, Reply, Request, StartOrder } from './protocol.js'
 */

/**
 * @typedef {object} Server
 * @property {ChildProcess} child
 * @property {string | undefined} container
 */

/**
 * Redis and Valkey log this line once they are listening. A PING is not sufficient: another program could
 * hold the port and reply, and the server may require a password or TLS.
 */
const READY = 'Ready to accept connections';
const LOG_TAIL_CHARS = 4_000;

/** Created only when this process is certain to delete it. See the end of this file. */
let folder = '';
/** @type {Map<number, Server>} by server number */
const servers = new Map();
let ending = false;

/** @param {string[]} args */
const docker = (...args) => promisify(execFile)('docker', args);

/** @param {Server} server */
const isRunning = ({ child }) =>
  child.pid !== undefined && child.exitCode === null && child.signalCode === null;

/** @param {StartOrder} order */
async function start({ server: number, run: [command, ...args], container, silent = false, timeoutMs }) {
  const current = servers.get(number);
  if (current !== undefined && isRunning(current)) return current.child.pid;
  const cwd = join(folder, String(number));
  mkdirSync(cwd, { recursive: true });
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const server = { child, container };
  servers.set(number, server);
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  try {
    await ready(child, silent);
    return child.pid;
  } catch (error) {
    await kill(server);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * @param {ChildProcess} child
 * @param {boolean} silent
 * @returns {Promise<void>} rejects with the last output if the server ends instead
 */
function ready(child, silent) {
  return new Promise((resolve, reject) => {
    let log = '';
    for (const stream of [child.stdout, child.stderr]) {
      // Keeps reading the output, because a server blocks if the pipe is full.
      stream?.setEncoding('utf8').on('data', (chunk) => {
        log = (log + chunk).slice(-LOG_TAIL_CHARS);
        if (log.includes(READY)) resolve();
      });
    }
    if (silent) child.once('spawn', resolve);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      reject(new Error(`${child.spawnfile} ended (${code ?? signal}):\n${log.trim()}`));
    });
  });
}

/**
 * Uses SIGKILL, because SIGKILL also ends a paused process. No data has to be saved.
 *
 * @param {Server} server
 */
async function kill({ child, container }) {
  if (isRunning({ child, container })) {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
  // With Docker, the process was only the Docker client, so the container may still exist.
  if (container !== undefined) await docker('rm', '--force', '--volumes', container).catch(() => {});
}

/**
 * @param {Order} order
 * @returns {Promise<number>} the server's process id; 0 if the server has ended
 */
async function execute(order) {
  if (ending) throw new Error('the supervisor is ending');
  if (order.type === 'start') return (await start(order)) ?? 0;
  const server = servers.get(order.server);
  if (server === undefined) return 0;
  if (order.type === 'signal') {
    const { child, container } = server;
    if (container === undefined) child.kill(order.signal);
    else await docker(order.signal === 'SIGSTOP' ? 'pause' : 'unpause', container);
    return child.pid ?? 0;
  }
  await kill(server);
  if (order.type === 'discard') rmSync(join(folder, String(order.server)), { recursive: true, force: true });
  return 0;
}

async function end() {
  if (ending) return;
  ending = true;
  try {
    await Promise.all([...servers.values()].map(kill));
    if (folder !== '') rmSync(folder, { recursive: true, force: true });
  } finally {
    process.exit();
  }
}

/** @param {Reply} reply */
function send(reply) {
  // Without a callback, send() throws if the parent has ended.
  process.send?.(reply, undefined, undefined, () => {});
}

process.on('message', (/** @type {Request} */ request) => {
  execute(request).then(
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
if (process.connected) {
  folder = mkdtempSync(join(tmpdir(), 'redis-launcher-'));
  send({ type: 'hello', folder });
} else {
  // The parent ended while this file was loaded, before there was a `disconnect` listener.
  end();
}
