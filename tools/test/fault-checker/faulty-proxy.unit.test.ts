import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { FaultyProxy } from '../../fault-checker/faulty-proxy.js';

/** Replies with what it receives. */
const server = createServer((socket) => socket.pipe(socket));

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterAll(() => {
  server.close();
});

test.each([
  ['mute', false],
  ['deaf', true],
] as const)('%s holds replies back, and requests: %s', async (type, holdsRequests) => {
  const requests: string[] = [];
  const onConnection = (socket: NodeJS.ReadableStream) =>
    socket.on('data', (data) => requests.push(`${data}`));
  server.on('connection', onConnection);
  await using proxy = await FaultyProxy.start({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
  });
  const client = connect(proxy.port, '127.0.0.1');
  const replies: string[] = [];
  client.on('data', (data) => replies.push(String(data)));
  client.write('one');
  await once(client, 'data');
  proxy.condition = { type };
  client.write('two');
  // Another connection, which passes: what was sent before has arrived.
  await passes(server.address() as AddressInfo);
  await passes(server.address() as AddressInfo);
  expect(proxy.isHolding).toBe(holdsRequests);
  expect(requests.includes('two')).toBe(!holdsRequests);
  expect(replies).toEqual(['one']);
  proxy.condition = { type: 'normal' };
  await once(client, 'data');
  expect(replies).toEqual(['one', 'two']);
  server.off('connection', onConnection);
  client.destroy();
});

async function passes({ port }: AddressInfo): Promise<void> {
  const other = connect(port, '127.0.0.1');
  other.write('ping');
  await once(other, 'data');
  other.destroy();
}
