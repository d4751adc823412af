/** Messages end with this if the text they are about may be a credential. */
export const NOT_SHOWN = '(not shown, as it may be part of a password)';

/** Texts that a template inserts for a variable that is not set. */
export const UNSET = /^(undefined|null|nan|none)$|(^|[._-])undefined([._-]|$)/i;

/** Says what such a text means. */
export const UNSET_ADVICE =
  'contains a word such as "undefined"; an environment variable is probably not set';

/** A variable that nobody replaced: `${HOST}`, `$HOST`, `{{host}}`, `<host>` or `%HOST%`. */
export const PLACEHOLDER = /\$[{(\w]|\{\{|<[^<>]*>|%[A-Za-z_]\w*%/;

/** Settings that follow the servers in a connection string of StackExchange.Redis, which Azure hands out. */
const STACK_EXCHANGE =
  /(?:^|[,;\s])(?:password|user|ssl|sslhost|sslprotocols|abortconnect|allowadmin|connecttimeout|synctimeout|defaultdatabase)\s*=/i;

/** Hosts that are certainly not part of a password. */
const AZURE_HOST =
  /^[a-z\d-]+(?:\.[a-z\d-]+)*\.(?:windows\.net|azure\.net|chinacloudapi\.cn|usgovcloudapi\.net):\d{1,5}$/i;

/**
 * Advice on a connection string of StackExchange.Redis; undefined for any other text. The whole string is one
 * location or several, so this has to be tried before a text is split.
 */
export function stackExchangeAdvice(text: string): string | undefined {
  if (text.includes('://') || !STACK_EXCHANGE.test(text)) return undefined;
  const [first = '', second = ''] = text.split(',', 2).map((part) => part.trim());
  const host = AZURE_HOST.test(first) ? first : '<host>:<port>';
  const user = /(?:^|[,;\s])user\s*=/i.test(text) ? '<user>' : '';
  const scheme = /(?:^|[,;\s])ssl\s*=\s*true/i.test(text) ? 'rediss' : 'redis';
  const each = second !== '' && !`${first}${second}`.includes('=') ? ' for each server' : '';
  return (
    `has settings such as password=, as in a connection string of Azure or StackExchange.Redis; write ` +
    `${scheme}://${user}:<password>@${host}${each}, with the password percent-encoded (not shown here)`
  );
}

/** What is wrong with a text that is not a location, by what the text contains. The first match wins. */
const ADVICE: readonly (readonly [pattern: RegExp, advice: string])[] = [
  [
    /^["'`]|["'`]$|^\[\s*["'{[\]]|^\{\s*["'}]/,
    'has quotes or is JSON; write the locations without quotes, as in a:6379,b:6379, or pass a list',
  ],
  [/\[object \w+\]/, 'contains "[object Object]"; pass the object itself, in a list'],
  [PLACEHOLDER, 'has a placeholder such as $HOST that was not replaced'],
  [
    /@/,
    'has credentials but no scheme; write redis://user:password@host:port, with "," and ";" in a user name or password percent-encoded',
  ],
  [
    /=/,
    'has settings of the form name=value; pass an object with options in a list, as in [{ host, port, weight }]',
  ],
  [/[,;]/, 'has several locations in one entry of a list; give each of them an entry of its own'],
  [/[\s|]/, 'has a space or "|" inside; separate locations with "," or ";"'],
  [
    /[^\x20-\x7e]/,
    'has control characters or characters other than ASCII; write an international host name in its xn-- form',
  ],
  [/^(rediss?|valkeys?):\/[^/]/i, 'has no "//" after the scheme; write redis://host:port'],
  [/[/?#]/, 'has "/", "?" or "#", but is no URL; write redis://host:port/database'],
];

/** Advice on a text that is not a location; undefined if it contains nothing that is typical of a mistake. */
export function adviceOn(text: string): string | undefined {
  return stackExchangeAdvice(text) ?? ADVICE.find(([pattern]) => pattern.test(text))?.[1];
}

/** Schemes of other clients and tools, and what to write instead. */
const SCHEME_ADVICE: readonly (readonly [scheme: RegExp, advice: string])[] = [
  [/^tcp$/, 'write redis://host:port'],
  [/^tls$/, 'write rediss://host:port'],
  [/^https?$/, 'write the redis:// or rediss:// URL of the server, because the store does not use HTTP'],
  [/^rediss?[-+]sentinel$/, 'pass a client in a list: [{ name, client: createSentinel(...) }]'],
  [/^rediss?[-+]cluster$/, 'a Redis Cluster shards by itself; list independent servers one by one'],
  [/^redis[-+](socket|unix)$/, 'write unix:/path'],
];

/** Advice on the unknown scheme of a URL. It shows only well-known schemes, because a password can contain :// */
export function schemeAdvice(scheme: string): string {
  const advice = SCHEME_ADVICE.find(([pattern]) => pattern.test(scheme))?.[1];
  if (advice !== undefined) return `has the scheme ${scheme}://; ${advice}`;
  return `has an unknown scheme ${NOT_SHOWN}; allowed are redis://, rediss://, valkey://, valkeys:// and unix:/path`;
}

const QUERY_ADVICE: readonly (readonly [name: RegExp, advice: string])[] = [
  [/^(db|database)$/i, '; write the database after the host, as in redis://host:port/2'],
  [/^(user|username|pass|password|auth)$/i, '; write redis://user:password@host:port'],
  [/^(ssl|tls)$/i, '; write rediss:// for TLS'],
  [/^ssl_cert_reqs$|reject_?unauthorized|verify/i, '; set the option tls: { rejectUnauthorized }'],
  [/^protocol$/i, '; set the option clientOptions: { RESP }'],
  [/timeout/i, '; set the option connectTimeoutMs or commandTimeoutMs'],
];

/**
 * Advice on a query parameter that has no meaning. Shows a name only if it is a word of letters, because an
 * unencoded "?" in a password also begins a query.
 */
export function queryAdvice(name: string, mayShow: boolean): string {
  if (!mayShow || !/^[a-z][a-z_-]{0,29}$/i.test(name)) {
    return `has a query parameter ${NOT_SHOWN}; allowed is family`;
  }
  const advice = QUERY_ADVICE.find(([pattern]) => pattern.test(name))?.[1] ?? '';
  return `has the query parameter "${name}", which is not allowed; allowed is family${advice}`;
}

/** Fields of other clients' options, and what to write in a location. */
const FIELD_ADVICE: Readonly<Record<string, string>> = {
  socket: 'host, port, path and tls',
  hostname: 'host',
  uri: 'url',
  db: 'database',
  user: 'username',
  auth: 'password',
  pass: 'password',
  ssl: 'tls',
  family: 'clientOptions: { socket: { family } }',
};

/** Why a location must not have a field of this name; undefined if nothing is known about it. */
export function fieldProblem(name: string): string | undefined {
  if (!/^\w{1,40}$/.test(name)) return 'has a field whose name is not that of an option (not shown here)';
  if (!Object.hasOwn(FIELD_ADVICE, name)) return undefined;
  return `has no option "${name}"; write ${FIELD_ADVICE[name]}`;
}
