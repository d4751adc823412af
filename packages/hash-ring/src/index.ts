export { HashRingError, type HashRingErrorCode } from './errors.js';
export { HashRing } from './hash-ring.js';
export type { HashRingOptions, Key, RingNode } from './options.js';
