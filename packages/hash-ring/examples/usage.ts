import { HashRing } from '../src/index.js';

/** Calls the most important methods. */
export function usage(): HashRing {
  const ring = new HashRing(['10.0.0.1:6379', '10.0.0.2:6379', '10.0.0.3:6379']);

  ring.get('user:1'); // the name of its owner, or undefined if the ring is empty
  ring.getMany(['user:1', 'user:2']); // owners, in the order of the keys
  ring.getIndex('user:1'); // a position in ring.nodes
  ring.getManyIndexes(['user:1', 'user:2']); // an Int32Array of positions in ring.nodes
  ring.replicas('user:1', 2); // the owner, and the next other node clockwise

  ring.add('10.0.0.4:6379');
  ring.remove('10.0.0.1:6379');
  ring.update(['10.0.0.2:6379', '10.0.0.4:6379']); // all nodes at once, in one step

  ring.shares(); // a Map from names to exact fractions; the sum is 1
  ring.fingerprint(); // 32 hex digits: equal in processes that agree on every key
  const restored = HashRing.fromJSON(JSON.parse(JSON.stringify(ring)));
  return restored;
}
