import { createClient } from 'redis';

/** Looks into servers past every store, with a plain client for each. */
export class PlainServers implements AsyncDisposable {
  readonly #clients: readonly Client[];

  private constructor(clients: readonly Client[]) {
    this.#clients = clients;
  }

  static async connect(locations: readonly string[], database = 0): Promise<PlainServers> {
    const clients = locations.map((location) => clientOf(location, database));
    await Promise.all(clients.map((client) => client.connect()));
    return new PlainServers(clients);
  }

  /**
   * The keys that begin with a prefix, which must be no pattern, server by server: entries, and not what a
   * store keeps for itself.
   */
  async keysByServer(prefix: string): Promise<string[][]> {
    return Promise.all(
      this.#clients.map(async (client) => {
        const keys: string[] = [];
        for await (const page of client.scanIterator({ MATCH: `${prefix}*`, COUNT: 1000 }))
          keys.push(...page);
        return [...new Set(keys)].filter((key) => !key.startsWith('%dredis:')).sort();
      }),
    );
  }

  /** The same, of all servers together: a key that stands on two of them is there twice. */
  async keys(prefix: string): Promise<string[]> {
    return (await this.keysByServer(prefix)).flat().sort();
  }

  /** The value of a key, wherever it stands. */
  async get(key: string): Promise<string | null> {
    const values = await Promise.all(this.#clients.map((client) => client.get(key)));
    return values.find((value) => value !== null) ?? null;
  }

  /** Milliseconds that a key has to live; -1 when it does not expire, -2 when it is not there. */
  async ttlMs(key: string): Promise<number> {
    return Math.max(...(await Promise.all(this.#clients.map((client) => client.pTTL(key)))));
  }

  /** Removes the keys that begin with a prefix. */
  async remove(prefix: string): Promise<void> {
    const keys = await this.keysByServer(prefix);
    await Promise.all(
      this.#clients.map((client, index) => keys[index]?.length && client.unlink(keys[index] as string[])),
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const clientOf = (location: string, database: number) =>
  createClient({ url: `redis://${location}`, database });

type Client = ReturnType<typeof clientOf>;
