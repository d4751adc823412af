/**
 * Longest command, in UTF-16 code units or bytes of its arguments. A single longer argument is sent in a command
 * of its own. A long command keeps the server and the connection busy. Beyond V8's limit for strings,
 * node-redis would throw while it writes to the socket.
 */
const MAX_LENGTH = 2 ** 20;

const ONE_PART = [[0, 1]] as const;

/**
 * Splits the arguments of a command into parts that are not too long.
 *
 * @returns from which index, up to which index (exclusive), in order
 */
export function partsOf(
  count: number,
  lengthOf: (index: number) => number,
): readonly (readonly [from: number, to: number])[] {
  if (count === 1) return ONE_PART;
  const parts: [number, number][] = [];
  let from = 0;
  let length = 0;
  for (let index = 0; index < count; index += 1) {
    const own = lengthOf(index);
    if (index > from && length + own > MAX_LENGTH) {
      parts.push([from, index]);
      from = index;
      length = 0;
    }
    length += own;
  }
  parts.push([from, count]);
  return parts;
}

/** The same arguments with long strings as bytes. node-redis joins strings, but writes bytes as they are. */
export function asWritable(args: readonly (string | Buffer)[]): readonly (string | Buffer)[] {
  if (!args.some(isLongText)) return args;
  return args.map((arg) => (isLongText(arg) ? Buffer.from(arg as string) : arg));
}

function isLongText(arg: string | Buffer): boolean {
  return arg.length > MAX_LENGTH && typeof arg === 'string';
}
