import { HashRing } from 'keyv-dredis/hash-ring';
import { renderRing } from 'keyv-dredis/hash-ring/svg';

/** Uses the ring on its own: finds an owner and previews a change, without a connection. */
export function hashRing(): unknown[] {
  const ring = new HashRing(['10.0.0.1:6379', '10.0.0.2:6379', '10.0.0.3:6379', '10.0.0.4:6379']);
  const owner = ring.get('app:user:1');
  const planned = ring.clone().add('10.0.0.5:6379');
  const { fraction } = ring.movement(planned); // about a fifth of the keys
  const svg = renderRing(ring, planned);
  return [owner, fraction, svg];
}
