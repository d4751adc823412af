import { connect } from 'node:net';

const ASK_TIMEOUT_MS = 5_000;

/**
 * Sends one command on a new connection and resolves with the reply as text: a status, a number or a string.
 * With this function, servers can be set up without a client library.
 *
 * @throws Error if there is no reply, or if the reply is an error
 */
export function ask(
  location: string,
  command: readonly string[],
  timeoutMs = ASK_TIMEOUT_MS,
): Promise<string> {
  const [host, port] = location.split(':');
  const words = command.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: host as string, port: Number(port) }, () => {
      socket.write(`*${command.length}\r\n${words.join('')}`);
    });
    let received = '';
    socket.setEncoding('latin1').setTimeout(timeoutMs);
    socket.on('data', (chunk) => {
      received += chunk;
      const reply = textOf(received);
      if (reply === undefined) return;
      socket.destroy();
      if (reply.isError) reject(new Error(`${location} replied to ${command[0]} with: ${reply.text}`));
      else resolve(reply.text);
    });
    socket.once('timeout', () => socket.destroy(new Error(`${location}: no reply within ${timeoutMs} ms`)));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`${location} closed the connection`)));
  });
}

/** The reply; undefined until it is complete. */
function textOf(received: string): { text: string; isError: boolean } | undefined {
  const end = received.indexOf('\r\n');
  if (end === -1) return undefined;
  const line = received.slice(1, end);
  if (received[0] !== '$') return { text: line, isError: received[0] === '-' };
  const start = end + 2;
  const length = Number(line);
  if (received.length < start + length) return undefined;
  return { text: received.slice(start, start + length), isError: false };
}
