import { RESP_TYPES, type RedisClientType } from 'redis';
import type { RedisClient } from './redis-client.js';
import type { StoredValue } from './values.js';

/** A page of SCAN. */
export interface ScanPage {
  /** Where to go on; `'0'` after the last page. */
  readonly cursor: string;
  readonly keys: readonly string[];
}

/** SCAN's cursor, before the first page and after the last. */
export const SCAN_START = '0';

type TextClient = Pick<RedisClientType, 'set' | 'mSet' | 'unlink' | 'exists' | 'scan' | 'ping'>;

interface BytesClient {
  get(key: string): Promise<Buffer | null>;
  mGet(keys: readonly string[]): Promise<(Buffer | null)[]>;
}

/**
 * The Redis commands of the store, on the client of one node: the only calls into node-redis but for
 * those that open and close a connection.
 */
export class Commands {
  readonly #text: TextClient;
  readonly #bytes: BytesClient;

  constructor(client: RedisClient) {
    // node-redis' own timeout costs an AbortSignal per command and does not cover the reply; Deadlines do.
    // A client's own type mapping would have keys come as Buffers, and counts as text.
    this.#text = client.withCommandOptions({ timeout: 0, typeMapping: {} }) as TextClient;
    this.#bytes = client.withCommandOptions({
      timeout: 0,
      typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer },
    }) as BytesClient;
  }

  get(key: string): Promise<Buffer | null> {
    return this.#bytes.get(key);
  }

  mGet(keys: readonly string[]): Promise<(Buffer | null)[]> {
    return this.#bytes.mGet(keys);
  }

  /** @param ttlMs whole milliseconds from now, above 0; undefined for no expiry */
  set(key: string, value: StoredValue, ttlMs: number | undefined): Promise<unknown> {
    return ttlMs === undefined
      ? this.#text.set(key, value)
      : this.#text.set(key, value, { expiration: { type: 'PX', value: ttlMs } });
  }

  mSet(entries: readonly (readonly [key: string, value: StoredValue])[]): Promise<unknown> {
    return this.#text.mSet(entries as [string, StoredValue][]);
  }

  /** How many of the keys existed. UNLINK frees the memory of large values outside the event loop. */
  unlink(keys: string | readonly string[]): Promise<number> {
    return this.#text.unlink(keys as string | string[]);
  }

  async exists(key: string): Promise<boolean> {
    return (await this.#text.exists(key)) === 1;
  }

  scan(cursor: string, pattern: string, count: number): Promise<ScanPage> {
    return this.#text.scan(cursor, { MATCH: pattern, COUNT: count });
  }

  ping(): Promise<unknown> {
    return this.#text.ping();
  }
}
