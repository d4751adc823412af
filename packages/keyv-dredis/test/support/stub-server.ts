import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP server on loopback that misbehaves on purpose. */
export interface StubServer extends AsyncDisposable {
  readonly port: number;
  /** `host:port` */
  readonly location: string;
  /** How many connections it has had. */
  readonly connectionCount: number;
  /** Resolves with the next connection. */
  nextConnection(): Promise<Socket>;
  /** Resolves when the port and all connections are closed. */
  stop(): Promise<void>;
}

/** Does to each connection what it is told. */
export async function stubServer(onConnection: (socket: Socket) => void): Promise<StubServer> {
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

/** Accepts, and never answers. */
export const blackHole = () => stubServer((socket) => socket.resume());

/** A server between a client and a real Redis server. */
export interface ProxyServer extends StubServer {
  /** What to do with replies from now on. Without it, they are passed on. */
  onReply: ((reply: Buffer, toClient: Socket) => void) | undefined;
  /** What to make of requests from now on. Without it, they are passed on. */
  onRequest: ((request: Buffer) => Buffer) | undefined;
}

/** Passes everything on to a real server, until it is told to deal with replies otherwise. */
export async function proxyTo(location: string): Promise<ProxyServer> {
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
