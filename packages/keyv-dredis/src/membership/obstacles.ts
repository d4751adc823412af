import type { DRedisError } from '../errors/errors.js';
import type { Node } from '../node/node.js';
import { isRefusal } from '../node/replies.js';
import { findUnmanaged, sentencesFor } from './connected-stores.js';
import { BARE_KEYS, readPrefixes } from './our-prefixes.js';
import { fingerprintOf, type RecordedNode } from './record.js';
import { sendTo } from './send.js';

/**
 * Why nodes cannot be replaced: stores are connected that would not follow, or whose keys cannot be told from those of
 * other programs.
 *
 * @param answering nodes that answer
 * @param isFirst whether there is no record that all stores follow
 * @returns undefined if there is no reason
 * @throws DRedisError
 */
export async function obstacleIn(
  answering: readonly Node[],
  nodes: readonly RecordedNode[],
  isFirst: boolean,
  ownsDatabase: boolean,
): Promise<string | undefined> {
  const databases = new Map(nodes.map(({ name, database }) => [name, database]));
  const listed = answering
    .filter((node) => databases.has(node.name))
    .map((node) => ({
      name: node.name,
      database: databases.get(node.name) as number,
      send: sendTo(node),
    }));
  try {
    const [unmanaged, { ignoresBareKeys }] = await Promise.all([
      findUnmanaged(listed, isFirst ? fingerprintOf(nodes) : undefined),
      readPrefixes(
        listed.map(({ send }) => send),
        ownsDatabase,
      ),
    ]);
    const reasons = [...sentencesFor(unmanaged), ...(ignoresBareKeys ? [BARE_KEYS] : [])];
    return reasons.length === 0 ? undefined : reasons.join('; ');
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return `it is not known which stores and namespaces use the nodes: ${(error as DRedisError).message}`;
  }
}
