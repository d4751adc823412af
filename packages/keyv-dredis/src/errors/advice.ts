import { types } from 'node:util';

/** Advice on how to fix a failure, by error code. The first match wins. */
const ADVICE: readonly (readonly [code: RegExp, advice: string])[] = [
  [/^WRONGPASS$/, 'correct the options username and password, or those in the URL'],
  [/^NOAUTH$/, 'set the option password, or put it into the URL'],
  [/^NOPERM$/, 'give the ACL user the keys and commands that docs/security.md lists'],
  [/^(READONLY|MASTERDOWN)$/, 'this server is a replica: use the location of the primary'],
  [/^OOM$/, 'raise maxmemory of the server, or set its maxmemory-policy to allkeys-lru'],
  [/^(ENOTFOUND|EAI_AGAIN)$/, 'correct the host name of its location, or the name service of this machine'],
  [/^ECONNREFUSED$/, 'start the server, or correct the host or the port of its location'],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, 'use a host name of the certificate, or set tls: { servername }'],
  [/^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/, 'renew the certificate of the server, or set the clocks right'],
  [/SELF_SIGNED|^UNABLE_TO_(GET|VERIFY)_|^CERT_SIGNATURE_/, 'set tls: { ca } to the authority of the server'],
  [
    /^ERR_SSL_.*ALERT_.*(CERTIFICATE|UNKNOWN_CA|HANDSHAKE)/,
    'set tls: { cert, key } to a client certificate that the server trusts',
  ],
  [/^ERR_SSL_(WRONG_VERSION|PACKET_LENGTH)/, 'if the server does not speak TLS, use redis:// and no tls'],
  [/^ERR_OSSL_/, 'correct ca, cert, key or passphrase in tls'],
];

/** Advice on how to fix a failure; undefined if there is none. */
export function adviceFor(error: unknown): string | undefined {
  const code = codeOf(error);
  return code === undefined ? undefined : ADVICE.find(([pattern]) => pattern.test(code))?.[1];
}

/** An error's code. For an error reply from a server, the code is the first word. */
function codeOf(error: unknown): string | undefined {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  if (!types.isNativeError(error)) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return /^[A-Z]+(?= )/.exec(error.message)?.[0];
}
