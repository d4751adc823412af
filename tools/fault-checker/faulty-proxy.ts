import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** How the network treats the data that passes through the proxy. */
export type NetworkCondition =
  | { readonly type: 'normal' }
  /** Open connections and new connections are reset. */
  | { readonly type: 'cut' }
  /**
   * Data is held back in both directions, and neither end gets an error. The data is delivered when the
   * condition ends.
   */
  | { readonly type: 'blackhole' }
  /** Requests are delivered. Replies are held back until the condition ends. */
  | { readonly type: 'mute' }
  /** Replies are delivered. Requests are held back until the condition ends. */
  | { readonly type: 'deaf' }
  /** Data is delivered after a delay. */
  | { readonly type: 'delay'; readonly delayMs: number }
  /** Each connection delivers the first half of its next reply, and then closes. */
  | { readonly type: 'truncate' };

/** The network between one process and one server: a TCP proxy that injects faults. */
export class FaultyProxy implements AsyncDisposable {
  readonly #listener: Server;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #links = new Set<Link>();
  #condition: NetworkCondition = { type: 'normal' };

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

  /** Whether a request is held back at the moment. */
  get isHolding(): boolean {
    return [...this.#links].some((link) => link.isHolding);
  }

  /** Resets all open connections. */
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
      client.on('error', noop);
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
  #serverClosed = false;

  constructor(client: Socket, server: Socket, condition: () => NetworkCondition) {
    this.#client = client;
    this.#server = server;
    this.#condition = condition;
    this.#requests = new Channel(server, condition, ['blackhole', 'deaf']);
    this.#replies = new Channel(client, condition, ['blackhole', 'mute']);
    client.setNoDelay(true).on('error', noop);
    server.setNoDelay(true).on('error', noop);
    client.on('data', (request) => this.#requests.pass(request));
    server.on('data', (reply) => this.#onReply(reply));
    // When the client closes the connection, data in flight is dropped. The checker relies on this: no
    // command from a closed connection may arrive after the client has opened a new connection.
    client.on('close', () => {
      this.#requests.drop();
      this.#replies.drop();
      server.destroy();
    });
    server.on('close', () => {
      this.#serverClosed = true;
      this.flush();
    });
  }

  get isHolding(): boolean {
    return this.#requests.isHolding;
  }

  flush(): void {
    this.#requests.flush();
    this.#replies.flush();
    if (this.#serverClosed && !this.#replies.isHeld) this.#client.destroy();
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

/** One direction of a connection. Keeps data in order, even if the delay changes. */
class Channel {
  readonly #target: Socket;
  readonly #condition: () => NetworkCondition;
  readonly #heldBy: readonly NetworkCondition['type'][];
  #queue: { readonly data: Buffer; readonly dueAt: number }[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** @param heldBy conditions under which nothing is delivered */
  constructor(
    target: Socket,
    condition: () => NetworkCondition,
    heldBy: readonly NetworkCondition['type'][],
  ) {
    this.#target = target;
    this.#condition = condition;
    this.#heldBy = heldBy;
  }

  get isHolding(): boolean {
    return this.#queue.length > 0 && this.isHeld;
  }

  get isHeld(): boolean {
    return this.#heldBy.includes(this.#condition().type);
  }

  pass(data: Buffer): void {
    const condition = this.#condition();
    const delayMs = condition.type === 'delay' ? condition.delayMs : 0;
    this.#queue.push({ data, dueAt: performance.now() + delayMs });
    this.flush();
  }

  readonly flush = (): void => {
    clearTimeout(this.#timer);
    if (this.isHeld) return;
    for (let [first] = this.#queue; first !== undefined; [first] = this.#queue) {
      const waitMs = first.dueAt - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(this.flush, waitMs);
        return;
      }
      this.#queue.shift();
      if (this.#target.writable) this.#target.write(first.data);
    }
  };

  drop(): void {
    clearTimeout(this.#timer);
    this.#queue = [];
  }
}

const noop = () => undefined;
