import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** What a network does to what passes through it. */
export type NetworkCondition =
  | { readonly type: 'well' }
  /** Connections are reset, and so are new ones. */
  | { readonly type: 'cut' }
  /** Nothing passes, in neither direction, and nobody is told. Afterwards what was held goes on. */
  | { readonly type: 'blackhole' }
  /** Everything is late by so much. */
  | { readonly type: 'delay'; readonly delayMs: number }
  /** Of the next reply on each connection the first half passes; then the connection ends. */
  | { readonly type: 'truncate' };

/** The network between one process and one server. */
export class FaultyProxy implements AsyncDisposable {
  readonly #listener: Server;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #links = new Set<Link>();
  #condition: NetworkCondition = { type: 'well' };

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target;
    this.#listener = createServer((client) => this.#accept(client));
  }

  static async start(target: { readonly host: string; readonly port: number }): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(target);
    proxy.#listener.listen(0, '127.0.0.1');
    await once(proxy.#listener, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  get condition(): NetworkCondition {
    return this.#condition;
  }

  set condition(condition: NetworkCondition) {
    this.#condition = condition;
    if (condition.type === 'cut') this.reset();
    else for (const link of this.#links) link.flush();
  }

  /** Resets the connections that there are. */
  reset(): void {
    for (const link of this.#links) link.reset();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.reset();
    await once(this.#listener, 'close');
  }

  #accept(client: Socket): void {
    if (this.#condition.type === 'cut') {
      client.on('error', ignore);
      client.resetAndDestroy();
      return;
    }
    const server = connect(this.#target.port, this.#target.host);
    const link = new Link(client, server, () => this.#condition);
    this.#links.add(link);
    client.once('close', () => this.#links.delete(link));
  }
}

/** One connection through the proxy. */
class Link {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #condition: () => NetworkCondition;
  readonly #requests: Channel;
  readonly #replies: Channel;
  #serverIsGone = false;

  constructor(client: Socket, server: Socket, condition: () => NetworkCondition) {
    this.#client = client;
    this.#server = server;
    this.#condition = condition;
    this.#requests = new Channel(server, condition);
    this.#replies = new Channel(client, condition);
    client.setNoDelay(true).on('error', ignore);
    server.setNoDelay(true).on('error', ignore);
    client.on('data', (request) => this.#requests.pass(request));
    server.on('data', (reply) => this.#onReply(reply));
    // What is on its way when its client closes is lost: no command arrives after its client has given it up and
    // made another connection. The checker relies on that.
    client.on('close', () => {
      this.#requests.drop();
      this.#replies.drop();
      server.destroy();
    });
    server.on('close', () => {
      this.#serverIsGone = true;
      this.flush();
    });
  }

  flush(): void {
    this.#requests.flush();
    this.#replies.flush();
    if (this.#serverIsGone && this.#condition().type !== 'blackhole') this.#client.destroy();
  }

  reset(): void {
    this.#client.resetAndDestroy();
    this.#server.destroy();
  }

  #onReply(reply: Buffer): void {
    if (this.#condition().type !== 'truncate') {
      this.#replies.pass(reply);
      return;
    }
    this.#client.end(reply.subarray(0, Math.floor(reply.length / 2)));
    this.#server.destroy();
  }
}

/** One direction of a connection: keeps the order, whatever is late. */
class Channel {
  readonly #to: Socket;
  readonly #condition: () => NetworkCondition;
  #queue: { readonly data: Buffer; readonly dueAt: number }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(to: Socket, condition: () => NetworkCondition) {
    this.#to = to;
    this.#condition = condition;
  }

  pass(data: Buffer): void {
    const condition = this.#condition();
    const delayMs = condition.type === 'delay' ? condition.delayMs : 0;
    this.#queue.push({ data, dueAt: performance.now() + delayMs });
    this.flush();
  }

  readonly flush = (): void => {
    clearTimeout(this.#timer);
    if (this.#condition().type === 'blackhole') return;
    for (let [first] = this.#queue; first !== undefined; [first] = this.#queue) {
      const inMs = first.dueAt - performance.now();
      if (inMs > 0) {
        this.#timer = setTimeout(this.flush, inMs);
        return;
      }
      this.#queue.shift();
      if (this.#to.writable) this.#to.write(first.data);
    }
  };

  drop(): void {
    clearTimeout(this.#timer);
    this.#queue = [];
  }
}

const ignore = () => undefined;
