/**
 * The cheapest honest way to spread keys by hand over servers that never change: 32-bit FNV-1a, modulo their
 * count.
 */
export function spread(key: string, count: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % count;
}
