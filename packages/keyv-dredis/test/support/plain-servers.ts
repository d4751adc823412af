import { createClient } from 'redis';

/** Accesses servers without a store, through one plain client per server. */
export class PlainServers implements AsyncDisposable {
  readonly #clients: readonly Client[];

  private constructor(clients: readonly Client[]) {
    this.#clients = clients;
  }

  static async connect(locations: readonly string[], database = 0): Promise<PlainServers> {
    const clients = locations.map((location) => makeClient(location, database));
    await Promise.all(clients.map((client) => client.connect()));
    return new PlainServers(clients);
  }

  /**
   * Lists each server's keys with this prefix, without the stores' reserved keys.
   *
   * @param prefix without glob characters
   */
  async keysByServer(prefix = ''): Promise<string[][]> {
    return Promise.all(
      this.#clients.map(async (client) => {
        const keys: string[] = [];
        for await (const page of client.scanIterator({ MATCH: `${prefix}*`, COUNT: 1000 }))
          keys.push(...page);
        return [...new Set(keys)].filter((key) => !key.startsWith('%dredis:')).sort();
      }),
    );
  }

  /** Lists the keys on all servers. A key that exists on two servers is listed twice. */
  async keys(prefix = ''): Promise<string[]> {
    return (await this.keysByServer(prefix)).flat().sort();
  }

  /** Reads a key's value from the server that has the key. */
  async get(key: string): Promise<string | null> {
    const values = await Promise.all(this.#clients.map((client) => client.get(key)));
    return values.find((value) => value !== null) ?? null;
  }

  /** Milliseconds until a key expires; -1 if it never expires, -2 if it does not exist. */
  async ttlMs(key: string): Promise<number> {
    return Math.max(...(await Promise.all(this.#clients.map((client) => client.pTTL(key)))));
  }

  /** Removes the keys with this prefix. */
  async remove(prefix: string): Promise<void> {
    const keys = await this.keysByServer(prefix);
    await Promise.all(
      this.#clients.map((client, index) => keys[index]?.length && client.unlink(keys[index] as string[])),
    );
  }

  /** Removes every key in the database. For servers that only one test file uses. */
  async flush(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.flushDb()));
  }

  /**
   * The same without FLUSHDB, which makes every store on these servers read its topology record again, also the stores of
   * other test files, which count their commands.
   */
  async empty(): Promise<void> {
    await Promise.all(
      this.#clients.map(async (client) => {
        for await (const keys of client.scanIterator({ COUNT: 1000 })) {
          if (keys.length > 0) await client.unlink(keys);
        }
      }),
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const makeClient = (location: string, database: number) =>
  createClient({ url: `redis://${location}`, database });

type Client = ReturnType<typeof makeClient>;
