/**
 * A server that does not know HELLO echoes its arguments: `unknown command, with args beginning with: 3 AUTH
 * default <password>`. The password can come from a provider, and the server can cut or quote it.
 */
const ECHOED_ARGUMENTS = /(with args beginning with).*/is;

/** The same error without echoed arguments, and with `***` in place of every secret. */
export function redact(error: unknown, secrets: readonly string[]): unknown {
  if (!(error instanceof Error)) return error;
  if (error instanceof AggregateError) {
    return new AggregateError(error.errors.map((each) => redact(each, secrets)));
  }
  const text = `${error.message}\n${error.stack}\n${error.cause instanceof Error ? error.cause.message : ''}`;
  const isSecret = secrets.some((secret) => text.includes(secret));
  if (!isSecret && !ECHOED_ARGUMENTS.test(text)) return error;
  const redacted = new Error(
    secrets
      .reduce((message, secret) => message.replaceAll(secret, '***'), error.message)
      .replace(ECHOED_ARGUMENTS, '$1 ***'),
  );
  redacted.name = error.name;
  return redacted;
}
