/**
 * Draws the picture in the README: four nodes, one of them with weight 2, and the keys that move to a fifth
 * node.
 */
import { writeFileSync } from 'node:fs';
import { HashRing } from '../src/index.js';
import { renderRing } from '../src/svg.js';

const ring = new HashRing(['cache-1', 'cache-2', 'cache-3', { name: 'cache-4', weight: 2 }]);
const grown = ring.clone().add('cache-5');
writeFileSync(new URL('../docs/ring.svg', import.meta.url), `${renderRing(ring, grown)}\n`);
