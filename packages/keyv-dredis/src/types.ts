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
 * A result type that TypeScript accepts for both majors of Keyv, whose declarations contradict each other:
 * for `setMany` Keyv 5 declares `void` (and uses the booleans), for `deleteMany` it declares `boolean`.
 */
export type ForBothKeyvs<Keyv6Result, Keyv5Result> = Keyv6Result & Keyv5Result;

/** Location of a key. */
export interface KeyLocation {
  /** Name of the node that owns the key. */
  readonly node: string;
  /** The physical key. */
  readonly key: string;
  /** The client of the node, which can send any Redis command. It may still be connecting. */
  readonly client: RedisClientType;
}
