import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RedisServers, startRedis } from 'redis-launcher';
import type { Certificate } from './certificates.js';
import { temporaryFolder } from './temporary-folder.js';

/**
 * Starts servers that speak TLS and nothing else.
 *
 * @param clientCa PEM: what client certificates must be signed with; undefined where clients need none
 */
export async function startTls(
  count: number,
  { cert, key }: Certificate,
  clientCa?: string,
): Promise<RedisServers> {
  const folder = await temporaryFolder('dredis-tls-');
  const file = async (name: string, text: string) => {
    const path = join(folder.path, name);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
  const args = [
    ...['--tls-cert-file', await file('cert.pem', cert), '--tls-key-file', await file('key.pem', key)],
    ...['--tls-ca-cert-file', await file('ca.pem', clientCa ?? cert)],
    ...['--tls-auth-clients', clientCa === undefined ? 'no' : 'yes'],
  ];
  try {
    const redis = await startRedis({ count, args, tls: true });
    const stop = async () => {
      await redis.stop();
      await folder.remove();
    };
    return { ...redis, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await folder.remove();
    throw error;
  }
}
