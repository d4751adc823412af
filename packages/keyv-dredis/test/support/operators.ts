import { HashRing } from 'hash-ring';
import { parseLocations } from '../../src/config/locations.js';
import type { DRedisStoreOptions } from '../../src/config/options.js';
import { resolveOptions } from '../../src/config/validation.js';
import { PREFIX_LISTS_KEY, prefixListKey, TOPOLOGY_KEY } from '../../src/format/reserved-keys.js';
import type { Location } from '../../src/index.js';
import { Operator } from '../../src/membership/operator.js';
import { parseRecord, type TopologyRecord } from '../../src/membership/record.js';
import { describeRecorded } from '../../src/membership/recorded-nodes.js';
import { NO_RECOVERY } from '../../src/node/no-recovery.js';
import type { RecoveryHooks } from '../../src/node/node.js';
import { onCleanUp } from './clean-up.js';
import type { PlainClient } from './clients.js';

/** Opens an operator. The clean-up closes it. */
export async function openOperator(
  seeds: readonly Location[],
  options: DRedisStoreOptions = {},
  hooks: RecoveryHooks = NO_RECOVERY,
): Promise<Operator> {
  const resolved = resolveOptions({ connectTimeoutMs: 1000, ...options });
  const operator = await Operator.open(parseLocations(seeds, resolved), {
    options: resolved,
    hooks,
    describe: (recorded) => describeRecorded(recorded, [], resolved),
  });
  onCleanUp(() => operator.close());
  return operator;
}

/** How to connect to a new node. */
export const describeNodes = (locations: readonly Location[], options: DRedisStoreOptions = {}) =>
  parseLocations(locations, resolveOptions(options));

/** Registers a prefix as a store does. */
export async function registerPrefix(client: PlainClient, prefix: string): Promise<void> {
  await client.sAdd(PREFIX_LISTS_KEY, 'run');
  await client.sAdd(prefixListKey('run'), prefix);
}

/** The record on a server. */
export async function recordOn(client: PlainClient): Promise<TopologyRecord | undefined> {
  const text = await client.get(TOPOLOGY_KEY);
  return text === null ? undefined : parseRecord(text);
}

/** Everything on some servers: keys, values and expiries. */
export async function contentsOf(clients: readonly PlainClient[]): Promise<readonly string[]> {
  const contents: string[] = [];
  for (const [index, client] of clients.entries()) {
    for (const key of (await client.keys('*')).sort()) {
      const dump = await client.sendCommand(['DUMP', key], {
        typeMapping: { [36]: Buffer },
      });
      contents.push(`${index} ${key} ${(dump as unknown as Buffer).toString('hex')}`);
    }
  }
  return contents;
}

/** Stores entries where a ring places them. @returns their keys and values */
export async function fill(
  clients: ReadonlyMap<string, PlainClient>,
  nodes: readonly { readonly name: string; readonly weight: number }[],
  count: number,
): Promise<ReadonlyMap<string, string>> {
  const ring = new HashRing(nodes);
  const entries = new Map<string, string>();
  const writes: Promise<unknown>[] = [];
  for (let number = 0; number < count; number += 1) {
    const [key, value] = [`app:${number}`, `value ${number}`];
    entries.set(key, value);
    writes.push((clients.get(ring.get(key) as string) as PlainClient).set(key, value));
  }
  await Promise.all(writes);
  return entries;
}

/** The entries that are where a ring places them. Also checks that they are nowhere else. */
export async function entriesOn(
  clients: ReadonlyMap<string, PlainClient>,
  nodes: readonly { readonly name: string; readonly weight: number }[],
): Promise<{ readonly entries: ReadonlyMap<string, string>; readonly orphans: readonly string[] }> {
  const ring = new HashRing(nodes);
  const entries = new Map<string, string>();
  const orphans: string[] = [];
  for (const [name, client] of clients) {
    const keys = (await client.keys('*')).filter((key) => !key.startsWith('%dredis:'));
    const values = keys.length === 0 ? [] : await client.mGet(keys);
    for (const [index, key] of keys.entries()) {
      if (ring.get(key) === name) entries.set(key, values[index] as string);
      else orphans.push(`${key} on ${name}`);
    }
  }
  return { entries, orphans };
}
