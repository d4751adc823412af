import { constants } from 'node:buffer';
import { InvalidArgumentError } from '../errors/errors.js';

/**
 * Longest key or value, in bytes. Redis refuses more than 512 MiB unless it is configured otherwise, and closes
 * the connection. V8 cannot make a string of quite that length, so a longer value could not be read as text.
 */
export const MAX_BYTES = Math.min(512 * 2 ** 20, constants.MAX_STRING_LENGTH);

/** Length of text in UTF-8, or of bytes. */
export function byteLength(data: string | Uint8Array): number {
  return typeof data === 'string' ? Buffer.byteLength(data) : data.length;
}

/** Whether data may have more bytes than a limit. UTF-8 needs at most three bytes per UTF-16 code unit. */
export function mayExceed(data: string | Uint8Array, limit: number): boolean {
  return data.length > limit / 3;
}

/**
 * @param extraBytes bytes that are stored in front of the data
 * @throws InvalidArgumentError if the data is longer than {@link MAX_BYTES}
 */
export function assertSize(what: 'key' | 'value', data: string | Uint8Array, extraBytes: number): void {
  if (!mayExceed(data, MAX_BYTES - extraBytes)) return;
  const bytes = byteLength(data) + extraBytes;
  if (bytes <= MAX_BYTES) return;
  throw new InvalidArgumentError(`A ${what} must have at most ${MAX_BYTES} bytes in Redis, got ${bytes}`);
}
