import type { RecordedNode } from '../membership/record.js';
import { toRecorded } from '../membership/recorded-nodes.js';
import { UsageError } from './exit-status.js';
import { describeServers } from './servers.js';

/**
 * Name of a node that a user means: its name, or its location.
 *
 * @throws UsageError if there is no such node; the message shows no text that may be a credential
 */
export function nodeNamed(
  argument: string,
  nodes: readonly RecordedNode[],
  database: number | undefined,
): string {
  const location = locationOf(argument, database);
  const node =
    nodes.find(({ name }) => name === argument) ??
    nodes.find(({ name }) => name === location?.name) ??
    nodes.find(({ address, database }) => address === location?.address && database === location.database);
  if (node !== undefined) return node.name;
  const names = nodes.map(({ name }) => name).join(', ');
  const shown = location?.name ?? '(not shown, as it may be a password)';
  throw new UsageError(`the cache has no server named ${shown}; its servers are ${names}`);
}

/** The node that a location describes; undefined if the text is no location. */
function locationOf(argument: string, database: number | undefined): RecordedNode | undefined {
  try {
    const [location] = describeServers({ where: 'the server', locations: argument, database });
    return location && toRecorded(location);
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}
