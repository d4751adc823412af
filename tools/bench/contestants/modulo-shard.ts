/**
 * Returns the index of the server for a key: 32-bit FNV-1a modulo the server count. It is the cheapest sharding by hand
 * over a fixed set of servers.
 */
export function moduloShard(key: string, serverCount: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % serverCount;
}
