import { connect } from 'node:net';

const PING_TIMEOUT_MS = 10_000;

/**
 * Sends PING and resolves with the first line of the reply.
 *
 * @throws Error if there is no reply, or if the reply is an error
 */
export function ping(location: string, timeoutMs = PING_TIMEOUT_MS): Promise<string> {
  const [, host = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(location) ?? [];
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port) }, () => socket.write('PING\r\n'));
    let reply = '';
    socket.setEncoding('utf8').setTimeout(timeoutMs);
    socket.on('data', (chunk) => {
      reply += chunk;
      if (!reply.includes('\r\n')) return;
      socket.destroy();
      const [line = ''] = reply.split('\r\n');
      if (line.startsWith('+')) resolve(line);
      else reject(new Error(`it replied to PING with ${JSON.stringify(line)}`));
    });
    socket.once('timeout', () => socket.destroy(new Error(`no reply within ${timeoutMs} ms`)));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('it closed the connection')));
  });
}
