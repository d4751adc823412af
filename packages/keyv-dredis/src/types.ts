import type { RedisClientType } from 'redis';

/** An entry of `setMany()`. Keyv 6 passes `expires`, Keyv 5 passes `ttl`. */
export interface StoreEntry {
  /** Key without its namespace. */
  readonly key: string;
  /** A string or a Buffer. */
  readonly value: unknown;
  /** Milliseconds since the Unix epoch; undefined for never. */
  readonly expires?: number | undefined;
  /** Milliseconds from now, under Keyv 5; undefined for never. */
  readonly ttl?: number | undefined;
}

/**
 * A result type that TypeScript accepts for Keyv 5 and for Keyv 6. Their declarations conflict: Keyv 5
 * declares `void` for `setMany` (although it uses the booleans), and `boolean` for `deleteMany`.
 */
export type ForBothKeyvs<Keyv6Result, Keyv5Result> = Keyv6Result & Keyv5Result;

/** A key's location. */
export interface KeyLocation {
  /** Name of the node that owns the key. */
  readonly node: string;
  /** The physical key. */
  readonly key: string;
  /** The node's client, which can send any Redis command. It may still be connecting. */
  readonly client: RedisClientType;
}
