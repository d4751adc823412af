import { HashRing, type Movement } from '../src/index.js';

/** Finds a key's owner, and previews which keys a change would move. */
export function quickStart(): [owner: string | undefined, movement: Movement] {
  const ring = new HashRing(['10.0.0.1:6379', '10.0.0.2:6379', { name: '10.0.0.3:6379', weight: 2 }]);
  const owner = ring.get('user:1'); // the name of the node that owns the key

  const planned = ring.clone().add('10.0.0.4:6379');
  const movement = ring.movement(planned); // { fraction: 0.18..., flows: [{ from, to, fraction }, ...] }
  return [owner, movement];
}
