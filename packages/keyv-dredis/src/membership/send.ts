import type { Node } from '../node/node.js';
import { MAINTENANCE, type Request } from '../node/send-options.js';

/** Sends commands to one node. The caller decides which options and checks apply. */
export type Send = <T>(request: Request<T>) => Promise<T>;

/** Sends maintenance commands to a node. */
export function sendTo(node: Node): Send {
  return (request) => node.run(request, MAINTENANCE);
}
