/**
 * Returns distinct keys with this number of bytes. They are flat strings, like strings from a parser or a
 * socket. Slices of other strings would be slower to read.
 */
export function keysOf(count: number, bytes: number, kind: 'ascii' | 'utf8'): string[] {
  const filler = (kind === 'ascii' ? 'user:session:abcdefghijklmnopqrstuvwxyz' : 'köln€straße:æøå→').repeat(
    10,
  );
  return Array.from({ length: count }, (_, i) => {
    const number = i.toString(36).padStart(4, '0');
    const key = Buffer.from(`${number}:${filler}`).subarray(0, bytes);
    // If the last character was cut, dots replace its bytes, so that all keys have the same size.
    let whole = bytes;
    while (whole > 0 && ((key[whole - 1] as number) & 0xc0) === 0x80) whole--;
    if (kind === 'utf8' && (key[whole - 1] as number) >= 0x80) key.fill('.', whole - 1);
    return key.toString();
  });
}
