import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onCleanUp } from './clean-up.js';

/** A server on loopback, or on a Unix socket, that misbehaves on purpose. */
export interface StubServer extends AsyncDisposable {
  /** NaN if the server listens on a Unix socket. */
  readonly port: number;
  /** `host:port` or `unix:/path` */
  readonly location: string;
  /** Connections accepted so far. */
  readonly connectionCount: number;
  /** Resolves with the next connection. */
  nextConnection(): Promise<Socket>;
  /** Closes the connections, but not the port. */
  closeConnections(): void;
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
  /** `host:port` of the server for new connections. Existing connections stay. */
  target: string;
}

/** Starts a proxy in front of a real server. The clean-up stops it. */
export async function startProxy(location: string): Promise<ProxyServer> {
  return stopLater(await proxyTo(location));
}

/** Starts a proxy that listens on a Unix socket. The clean-up stops it. */
export async function startUnixProxy(location: string, path: string): Promise<ProxyServer> {
  return stopLater(await proxyTo(location, path));
}

function stopLater(proxy: ProxyServer): ProxyServer {
  onCleanUp(() => proxy.stop());
  return proxy;
}

async function stubServer(onConnection: (socket: Socket) => void, path?: string): Promise<StubServer> {
  const sockets = new Set<Socket>();
  let connectionCount = 0;
  const server = createServer((socket) => {
    connectionCount += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  server.listen(path === undefined ? { host: '127.0.0.1', port: 0 } : { path });
  await once(server, 'listening');
  const port = path === undefined ? (server.address() as AddressInfo).port : Number.NaN;
  const closeConnections = () => {
    for (const socket of sockets) socket.destroy();
  };
  const stop = async () => {
    if (!server.listening) return;
    server.close();
    closeConnections();
    await once(server, 'close');
  };
  return {
    port,
    location: path === undefined ? `127.0.0.1:${port}` : `unix:${path}`,
    get connectionCount() {
      return connectionCount;
    },
    nextConnection: async () => ((await once(server, 'connection')) as [Socket])[0],
    closeConnections,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function proxyTo(location: string, path?: string): Promise<ProxyServer> {
  const stub = await stubServer((client) => {
    const [host, port] = proxy.target.split(':');
    const server = connect(Number(port), host as string);
    server.on('error', () => client.destroy());
    server.on('close', () => client.destroy());
    client.on('close', () => server.destroy());
    client.on('data', (request) => server.write(proxy.onRequest?.(request) ?? request));
    server.on('data', (reply) => {
      if (proxy.onReply === undefined) client.write(reply);
      else proxy.onReply(reply, client);
    });
  }, path);
  const proxy: ProxyServer = Object.create(stub, {
    onReply: { value: undefined, writable: true },
    onRequest: { value: undefined, writable: true },
    target: { value: location, writable: true },
  });
  return proxy;
}
