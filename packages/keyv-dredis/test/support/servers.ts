import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type RedisServer, type RedisServers, type StartOptions, startRedis } from 'redis-launcher';
import type { Certificate } from './certificates.js';
import { onCleanUp, onTestCleanUp } from './clean-up.js';
import { temporaryFolder } from './temporary-folder.js';

/** Locations of the four servers that all test files share. */
export function sharedLocations(): string[] {
  const locations = process.env['DREDIS_TEST_LOCATIONS'];
  if (!locations) throw new Error('DREDIS_TEST_LOCATIONS is not set: the global set-up did not run');
  return locations.split(',');
}

/**
 * Starts servers that a test may kill, pause or configure. If several tests share a server, it is started or
 * resumed after a test that killed or paused it.
 */
export async function startServers(options: StartOptions = {}): Promise<RedisServers> {
  const redis = await startRedis(options);
  onCleanUp(redis.stop);
  for (const server of redis.servers) restoreAfterTest(server);
  return redis;
}

/** Starts one server. @param args additional arguments for redis-server */
export async function startServer(...args: readonly string[]): Promise<RedisServer> {
  const redis = await startServers({ count: 1, args });
  return redis.servers[0] as RedisServer;
}

function restoreAfterTest(server: RedisServer): void {
  const { kill, pause } = server;
  server.kill = () => {
    onTestCleanUp(() => server.start());
    return kill.call(server);
  };
  server.pause = () => {
    onTestCleanUp(() => server.resume());
    return pause.call(server);
  };
}

/**
 * Starts servers that accept TLS connections only.
 *
 * @param clientCa PEM of the authority that must sign client certificates; if omitted, clients need no
 *   certificate
 */
export async function startTlsServers(
  count: number,
  { cert, key }: Certificate,
  clientCa?: string,
): Promise<RedisServers> {
  const folder = await makeTemporaryFolder('dredis-tls-');
  const file = async (name: string, text: string) => {
    const path = join(folder, name);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
  const args = [
    ...['--tls-cert-file', await file('cert.pem', cert), '--tls-key-file', await file('key.pem', key)],
    ...['--tls-ca-cert-file', await file('ca.pem', clientCa ?? cert)],
    ...['--tls-auth-clients', clientCa === undefined ? 'no' : 'yes'],
  ];
  return startServers({ count, args, tls: true });
}

export interface FullServer {
  readonly port: number;
  /** `host:port` */
  readonly location: string;
  /** Accepts connections again. */
  resume(): Promise<void>;
}

/** Starts a paused server whose accept queue is full, so that the system does not answer new TCP connects. */
export async function startFullServer(): Promise<FullServer> {
  const server = await startServer('--tcp-backlog', '1');
  await server.pause();
  const queued = Array.from({ length: 8 }, () =>
    connect(server.port, server.host).on('error', () => undefined),
  );
  const emptyQueue = () => {
    for (const socket of queued) socket.destroy();
  };
  onCleanUp(emptyQueue);
  await Promise.all(queued.slice(0, 2).map((socket) => once(socket, 'connect')));
  return {
    port: server.port,
    location: server.location,
    resume: () => {
      emptyQueue();
      return server.resume();
    },
  };
}

/** Creates a folder that the clean-up removes. @returns its path */
export async function makeTemporaryFolder(prefix: string): Promise<string> {
  const folder = await temporaryFolder(prefix);
  onCleanUp(() => folder.remove());
  return folder.path;
}
