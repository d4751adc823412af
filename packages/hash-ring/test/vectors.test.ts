import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { HashRing, type HashRingOptions, type Key } from '../src/index.js';

/** Owners computed by other programs. Each file says how they were computed. */
interface Vectors {
  readonly servers: readonly { readonly name: string; readonly weight: number }[];
  readonly keys: readonly (readonly [key: string, owner: string])[];
}

function vectors(name: string): Vectors {
  return JSON.parse(readFileSync(new URL(`vectors/${name}.json`, import.meta.url), 'utf8'));
}

/** twemproxy's fnv1a_64. Despite its name, it computes only 32 bits. It treats bytes as signed. */
function fnv1a64(key: Key): number {
  let hash = 0x84222325;
  for (const byte of Buffer.from(key as string)) hash = Math.imul(hash ^ ((byte << 24) >> 24), 0x1b3);
  return hash;
}

const ketama: HashRingOptions = { placement: 'ketama' };

test.each<[string, HashRingOptions]>([
  ['libmemcached-ketama_weighted-four', {}],
  ['libmemcached-ketama_weighted-four', ketama],
  ['libmemcached-ketama_weighted-four_124', ketama],
  ['twemproxy-md5_4', {}],
  ['twemproxy-md5_4', ketama],
  ['twemproxy-md5_5w', ketama],
  ['twemproxy-fnv1a_64_4', { ...ketama, hash: fnv1a64 }],
])('every key has the same owner as in %s with the options %j', (name, options) => {
  const { servers, keys } = vectors(name);
  expect(keys.length).toBeGreaterThanOrEqual(1000);
  const owners = keys.map(([, owner]) => owner);
  for (const nodes of [servers, servers.toReversed()]) {
    const ring = new HashRing(nodes, options);
    expect(keys.map(([key]) => ring.get(key))).toEqual(owners);
    expect(keys.map(([key]) => ring.get(Buffer.from(key)))).toEqual(owners);
    expect(ring.getMany(keys.map(([key]) => key))).toEqual(owners);
  }
});
