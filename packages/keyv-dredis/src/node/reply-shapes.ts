import { describe } from '../errors/describe.js';

/** A reply that the protocol does not allow for the command. The connection cannot be trusted any more. */
export class MalformedReplyError extends Error {
  override readonly name = 'MalformedReplyError';

  constructor(command: string, expected: string, reply: unknown) {
    super(`its reply to ${command} must be ${expected}, got ${shapeOf(reply)}`);
  }
}

/** @throws MalformedReplyError unless the reply is a count */
export function asCount(command: string, reply: unknown): number {
  if (Number.isSafeInteger(reply) && Number(reply) >= 0) return reply as number;
  throw new MalformedReplyError(command, 'a whole number, 0 or more', reply);
}

/** @throws MalformedReplyError unless the reply is OK */
export function asOk(command: string, reply: unknown): void {
  if (String(reply) !== 'OK') throw new MalformedReplyError(command, 'OK', reply);
}

/** @throws MalformedReplyError unless the reply is text or null */
export function asText(command: string, reply: unknown): string | undefined {
  if (typeof reply === 'string') return reply;
  if (reply === null || reply === undefined) return undefined;
  throw new MalformedReplyError(command, 'text or null', reply);
}

/** @throws MalformedReplyError unless the reply is a list of texts */
export function asTexts(command: string, reply: unknown): readonly string[] {
  // RESP 3 has sets, which node-redis returns as arrays or Sets.
  const list: unknown = reply instanceof Set ? [...reply] : reply;
  if (Array.isArray(list) && list.every((text) => typeof text === 'string')) return list;
  throw new MalformedReplyError(command, 'a list of texts', reply);
}

/** @throws MalformedReplyError unless the reply is a list of `length` values */
export function asValues(command: string, reply: unknown, length: number): unknown[] {
  if (Array.isArray(reply) && reply.length === length) return reply;
  throw new MalformedReplyError(command, `a list of ${length} values`, reply);
}

/** The number in a reply to CONFIG GET: a list of a name and a value, or a map. Undefined if there is none. */
export function configuredNumber(reply: unknown): number | undefined {
  if (typeof reply !== 'object' || reply === null) return undefined;
  const words: unknown[] = Array.isArray(reply) ? reply : Object.entries(reply).flat();
  const number = Number(words[1] ?? Number.NaN);
  return Number.isSafeInteger(number) && number > 0 ? number : undefined;
}

function shapeOf(reply: unknown): string {
  return Array.isArray(reply) ? `a list of ${reply.length}` : describe(reply);
}
