import { connect, type Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import {
  DEADLINE_MS,
  errorsOf,
  nextEvent,
  onCleanUp,
  openStoreOver,
  startServer,
  startStub,
  timeOut,
} from '../support/index.js';

test('a command that the network delivers after its connection was dropped changes nothing', async () => {
  const { host, port } = await startServer();
  const toServer: Socket[] = [];
  const held: Buffer[] = [];
  let holds = false;
  // This network keeps requests that it has received, even after the client has closed the connection.
  const network = await startStub((client) => {
    const server = connect(port, host);
    toServer.push(server);
    const isFirst = toServer.length === 1;
    server.on('error', () => undefined);
    server.on('data', (reply) => client.write(reply));
    client.on('data', (request) => (isFirst && holds ? held.push(request) : server.write(request)));
  });
  onCleanUp(() => {
    for (const socket of toServer) socket.destroy();
  });
  const deadlines = { commandTimeoutMs: DEADLINE_MS, connectTimeoutMs: DEADLINE_MS };
  const store = openStoreOver([network.location], deadlines);
  const errors = errorsOf(store);
  await store.set('key', 'old');
  const up = nextEvent(store, 'node:up');
  holds = true;
  const late = expect(store.set('key', 'late')).rejects.toMatchObject({ code: 'DREDIS_COMMAND_TIMEOUT' });
  await timeOut(store, 'other');
  await late;
  await up;
  expect(await store.get('key')).toBe('old');
  expect(await store.set('key', 'next')).toBe(true);

  expect(Buffer.concat(held).toString()).toContain('late');
  const [first] = toServer as [Socket];
  first.write(Buffer.concat(held));
  // Once the server closes the connection or replies, it will not execute any more of these commands.
  if (!first.closed) await new Promise((resolve) => first.once('close', resolve).once('data', resolve));
  expect(await store.get('key')).toBe('next');
  expect(errors).toEqual([]);
});
