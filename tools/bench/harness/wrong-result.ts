/** A contestant answered something else than what was stored: its figures are worth nothing. */
export class WrongResult extends Error {
  override readonly name = 'WrongResult';

  constructor(what: string, expected: unknown, got: unknown) {
    const short = (value: unknown) => String(JSON.stringify(value)).slice(0, 120);
    super(`${what}: expected ${short(expected)}, got ${short(got)}`);
  }
}
