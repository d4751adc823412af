import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onCleanUp } from './clean-up.js';

/** A TCP server on loopback that misbehaves on purpose. */
export interface StubServer extends AsyncDisposable {
  readonly port: number;
  /** `host:port` */
  readonly location: string;
  /** Connections accepted so far. */
  readonly connectionCount: number;
  /** Resolves with the next connection. */
  nextConnection(): Promise<Socket>;
  /** Resolves when the port and all connections are closed. */
  stop(): Promise<void>;
}

/** Starts a server that passes each connection to a function. The clean-up stops it. */
export async function startStub(onConnection: (socket: Socket) => void): Promise<StubServer> {
  const stub = await stubServer(onConnection);
  onCleanUp(() => stub.stop());
  return stub;
}

/** Starts a server that accepts connections and never answers. The clean-up stops it. */
export const startBlackHole = () => startStub((socket) => socket.resume());

/** A server between a client and a real Redis server. */
export interface ProxyServer extends StubServer {
  /** Receives each reply, which the proxy then does not forward. If undefined, the proxy forwards replies. */
  onReply: ((reply: Buffer, toClient: Socket) => void) | undefined;
  /**
   * Returns the bytes to forward instead of a request. If undefined, the proxy forwards requests unchanged.
   */
  onRequest: ((request: Buffer) => Buffer) | undefined;
}

/** Starts a proxy in front of a real server. The clean-up stops it. */
export async function startProxy(location: string): Promise<ProxyServer> {
  const proxy = await proxyTo(location);
  onCleanUp(() => proxy.stop());
  return proxy;
}

async function stubServer(onConnection: (socket: Socket) => void): Promise<StubServer> {
  const sockets = new Set<Socket>();
  let connectionCount = 0;
  const server = createServer((socket) => {
    connectionCount += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    if (!server.listening) return;
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  };
  return {
    port,
    location: `127.0.0.1:${port}`,
    get connectionCount() {
      return connectionCount;
    },
    nextConnection: async () => ((await once(server, 'connection')) as [Socket])[0],
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function proxyTo(location: string): Promise<ProxyServer> {
  const [host, port] = location.split(':');
  const stub = await stubServer((client) => {
    const server = connect(Number(port), host as string);
    server.on('error', () => client.destroy());
    server.on('close', () => client.destroy());
    client.on('close', () => server.destroy());
    client.on('data', (request) => server.write(proxy.onRequest?.(request) ?? request));
    server.on('data', (reply) => {
      if (proxy.onReply === undefined) client.write(reply);
      else proxy.onReply(reply, client);
    });
  });
  const proxy: ProxyServer = Object.create(stub, {
    onReply: { value: undefined, writable: true },
    onRequest: { value: undefined, writable: true },
  });
  return proxy;
}
