import { HashRingError, shown } from './errors.js';

/** What a ring can place: text, which counts as its UTF-8 bytes, or bytes. Buffers are bytes. */
export type Key = string | Uint8Array;

/** A member of the ring. */
export interface RingNode {
  /** Its identity: the points, and so the keys, follow from it. Not empty, no lone surrogates. */
  readonly name: string;
  /**
   * Its share of the keys, relative to the other nodes: a positive finite number.
   * @default 1
   */
  readonly weight?: number;
}

/** How a ring places nodes and keys. Two programs agree on owners when they agree on all of these. */
export interface HashRingOptions {
  /**
   * How many points a node of weight 1 has: a multiple of 4 from 4 up, as one MD5 gives 4 points. More
   * points even out the shares and cost 8 bytes each.
   * @default 160
   */
  readonly pointsPerNode?: number;
}

export type ResolvedNode = Required<RingNode>;
export type ResolvedOptions = Required<HashRingOptions>;

const DEFAULTS: ResolvedOptions = Object.freeze({
  pointsPerNode: 160,
});

/** The options with every default filled in. @throws HashRingError `INVALID_OPTION` */
export function resolveOptions(options: HashRingOptions = {}): ResolvedOptions {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(DEFAULTS, name)) {
      const known = Object.keys(DEFAULTS).join(', ');
      throw new HashRingError('INVALID_OPTION', `unknown option ${shown(name)}: the options are ${known}`);
    }
  }
  const resolved = { ...DEFAULTS, ...options };
  const { pointsPerNode } = resolved;
  if (!(Number.isSafeInteger(pointsPerNode) && pointsPerNode > 0 && pointsPerNode % 4 === 0)) {
    throw invalid('pointsPerNode', 'a positive multiple of 4', pointsPerNode);
  }
  return Object.freeze(resolved);
}

/** A node with its defaults filled in. @throws HashRingError `INVALID_NODE` */
export function resolveNode(node: string | RingNode): ResolvedNode {
  const { name, weight = 1 } = typeof node === 'string' ? { name: node } : (node ?? {});
  if (typeof name !== 'string' || name === '' || !name.isWellFormed()) {
    const allowed = 'a string that is not empty and has no lone surrogate';
    throw new HashRingError('INVALID_NODE', `a node's name must be ${allowed}, got ${shown(name)}`);
  }
  if (!(typeof weight === 'number' && weight > 0 && weight < Number.POSITIVE_INFINITY)) {
    const allowed = 'a positive finite number';
    throw new HashRingError(
      'INVALID_NODE',
      `weight of node ${shown(name)} must be ${allowed}, got ${shown(weight)}`,
    );
  }
  return Object.freeze({ name, weight });
}

/** How many nodes a caller wants. @throws HashRingError `INVALID_OPTION` */
export function checkCount(count: number): void {
  if (!(Number.isSafeInteger(count) && count >= 0)) {
    throw invalid('count', 'an integer from 0 up', count);
  }
}

function invalid(option: string, allowed: string, came: unknown): HashRingError {
  return new HashRingError('INVALID_OPTION', `${option} must be ${allowed}, got ${shown(came)}`);
}
