/**
 * Replaces every secret in an error with `***`. A server can echo a secret: for example, a server that does
 * not support HELLO replies with `unknown command, with args beginning with: 3 AUTH default <password>`.
 */
export function redact(error: unknown, secrets: readonly string[]): unknown {
  if (secrets.length === 0 || !(error instanceof Error)) return error;
  if (error instanceof AggregateError) {
    return new AggregateError(error.errors.map((each) => redact(each, secrets)));
  }
  const text = `${error.message}\n${error.stack}\n${error.cause instanceof Error ? error.cause.message : ''}`;
  if (!secrets.some((secret) => text.includes(secret))) return error;
  const redacted = new Error(
    secrets.reduce((message, secret) => message.replaceAll(secret, '***'), error.message),
  );
  redacted.name = error.name;
  return redacted;
}
