import { connect, type Socket } from 'node:net';
import { expect } from '@jest/globals';
import type { RedisServer } from 'redis-launcher';
import type { DRedisStore, NodeState } from '../../src/index.js';
import { keysOf, nextEvent, timeOut } from './stores.js';
import { type StubServer, startStub } from './stub-server.js';

export const stateOf = (store: DRedisStore, node: string): NodeState | undefined =>
  store.status().nodes.find(({ name }) => name === node)?.state;

/** Pauses a server, and sends commands until each store sees its node as down. */
export async function pauseUntilDown(server: RedisServer, ...stores: DRedisStore[]): Promise<void> {
  await server.pause();
  await Promise.all(stores.map((store) => timeOut(store, keysOf(store, server.location, 1)[0] as string)));
  for (const store of stores) expect(stateOf(store, server.location)).toBe('down');
}

/** Resumes a paused server, and waits until each store sees its node as up. */
export async function resumeUntilUp(server: RedisServer, ...stores: DRedisStore[]): Promise<void> {
  await server.resume();
  await untilUp(server.location, ...stores);
}

/** Waits until each of the stores sees the node as up. */
export async function untilUp(node: string, ...stores: DRedisStore[]): Promise<void> {
  await Promise.all(
    stores.map(async (store) => {
      while (stateOf(store, node) !== 'up') await nextEvent(store, 'node:up');
    }),
  );
}

/** A network link to a server. The server keeps running while the link is cut. */
export interface Link extends Pick<StubServer, 'location'> {
  /** Closes all connections and refuses new ones. Resolves when each store sees the node as down. */
  cut(...stores: DRedisStore[]): Promise<void>;
  /** Accepts connections again. Resolves when each store sees the node as up. */
  restore(...stores: DRedisStore[]): Promise<void>;
  /** Connects to another server from now on, as a DNS name or a virtual IP does. */
  redirect(to: RedisServer): void;
}

/** Starts a link to a server. The clean-up closes it. */
export async function startLink(server: RedisServer): Promise<Link> {
  let target = server;
  const sockets = new Set<Socket>();
  let isCut = false;
  const { location } = await startStub((client) => {
    if (isCut) {
      client.destroy();
      return;
    }
    const server = connect(target.port, target.host).on('error', () => client.destroy());
    sockets.add(client);
    client.on('close', () => {
      sockets.delete(client);
      server.destroy();
    });
    server.on('close', () => client.destroy());
    client.pipe(server).pipe(client);
  });
  return {
    location,
    async cut(...stores) {
      isCut = true;
      const down = Promise.all(stores.map((store) => nextEvent(store, 'node:down')));
      for (const socket of sockets) socket.destroy();
      await down;
    },
    async restore(...stores) {
      isCut = false;
      await untilUp(location, ...stores);
    },
    redirect(to) {
      target = to;
    },
  };
}
