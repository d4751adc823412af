import { once } from 'node:events';
import { connect } from 'node:net';
import { type RedisServer, startRedis } from 'redis-launcher';

export interface FullServer {
  readonly port: number;
  /** `host:port` */
  readonly location: string;
  /** Goes on, and accepts again. */
  resume(): Promise<void>;
  stop(): Promise<void>;
}

/** A stopped server whose queue is full: the system leaves a further TCP connect without an answer. */
export async function fullServer(): Promise<FullServer> {
  const redis = await startRedis({ count: 1, args: ['--tcp-backlog', '1'] });
  const server = redis.servers[0] as RedisServer;
  await server.pause();
  const waiting = Array.from({ length: 8 }, () =>
    connect(server.port, server.host).on('error', () => undefined),
  );
  await Promise.all(waiting.slice(0, 2).map((socket) => once(socket, 'connect')));
  const leave = () => {
    for (const socket of waiting) socket.destroy();
  };
  return {
    port: server.port,
    location: server.location,
    resume: () => {
      leave();
      return server.resume();
    },
    stop: () => {
      leave();
      return redis.stop();
    },
  };
}
