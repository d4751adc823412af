/** A cache returned a value that was never stored. Figures measured with that cache are meaningless. */
export class WrongResult extends Error {
  override readonly name = 'WrongResult';

  constructor(what: string, expected: unknown, actual: unknown) {
    const short = (value: unknown) => String(JSON.stringify(value)).slice(0, 120);
    super(`${what}: expected ${short(expected)}, got ${short(actual)}`);
  }
}
