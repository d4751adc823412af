import { leaseKey, TOPOLOGY_KEY, VOTE_KEY } from '../format/reserved-keys.js';
import { infoFields } from '../node/info-fields.js';
import { isRefusal } from '../node/replies.js';
import { CHECK_WRITABLE } from './record-scripts.js';
import type { Send } from './send.js';

/** A key that no server has. */
const MISSING_KEY = leaseKey('missing');

/** What a server says about itself. A field is undefined if the server does not tell it. */
export interface Inspection {
  readonly runId: string | undefined;
  /** Why the server cannot be a node of a cache. The sentence goes on after the name of the node. */
  readonly refusal: string | undefined;
}

/**
 * Checks whether a server can be a node. Writes nothing.
 *
 * @param epoch of the newest record of the cache
 * @throws DRedisError if the server cannot be reached
 */
export async function inspect(send: Send, epoch: number): Promise<Inspection> {
  let info = '';
  try {
    info = await send((commands) => commands.info());
  } catch (error) {
    // Then only the check of writes tells, whose errors are less clear.
    if (!isRefusal(error)) throw error;
  }
  const fields = infoFields(info);
  const runId = fields.get('run_id');
  if (fields.get('cluster_enabled') === '1') {
    return { runId, refusal: 'is a member of a Redis Cluster, and each node must be an independent server' };
  }
  if (/^(slave|replica)$/.test(fields.get('role') ?? '')) {
    const primary = fields.get('master_host');
    const where = primary === undefined ? '' : ` (${primary}:${fields.get('master_port')})`;
    return { runId, refusal: `is a replica; use the location of its primary${where}` };
  }
  return { runId, refusal: (await whyNotWritable(send)) ?? (await whyNotVoting(send, epoch)) };
}

/** Why this user may not change the record. */
async function whyNotWritable(send: Send): Promise<string | undefined> {
  try {
    await send((commands) => commands.eval(CHECK_WRITABLE, [TOPOLOGY_KEY, VOTE_KEY], [MISSING_KEY]));
    return undefined;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const { cause } = error;
    return (
      `does not let this user change the topology: ${cause instanceof Error ? cause.message : String(cause)} ` +
      '(docs/security.md has the ACL line for a user that changes the topology)'
    );
  }
}

/** Why the server cannot vote on the next epoch: its record was deleted, but not its votes. */
async function whyNotVoting(send: Send, epoch: number): Promise<string | undefined> {
  const text = await send((commands) => commands.getText(VOTE_KEY));
  const voted = text === undefined ? undefined : (JSON.parse(text) as { epoch: number }).epoch;
  if (voted === undefined || voted <= epoch + 1) return undefined;
  return (
    `has voted on epoch ${voted}, and the newest topology record that was found is ` +
    `${epoch === 0 ? 'none' : `of epoch ${epoch}`}. If another change is under way, try again. If somebody has deleted ` +
    `the record, or the server belonged to another cache, delete ${VOTE_KEY} there, too`
  );
}
