export { HashRingError, type HashRingErrorCode } from './errors.js';
export { HashRing, type HashRingJSON } from './hash-ring.js';
export type { Flow, Movement, RingPoint } from './movement.js';
export type { HashRingOptions, Key, KeyHash, ReplicaOptions, RingNode } from './options.js';
