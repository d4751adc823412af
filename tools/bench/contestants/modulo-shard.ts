/**
 * Returns the index of a key's server: the key's 32-bit FNV-1a hash modulo the server count. This is the
 * cheapest way to shard by hand over a fixed set of servers.
 */
export function moduloShard(key: string, serverCount: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % serverCount;
}
