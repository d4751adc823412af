import { isIPv6 } from 'node:net';
import { InvalidOptionError } from '../errors/errors.js';
import { DEFAULT_HOST, hostProblem, isPort } from './host-name.js';
import {
  adviceOn,
  NOT_SHOWN,
  PLACEHOLDER,
  queryAdvice,
  schemeAdvice,
  UNSET,
  UNSET_ADVICE,
} from './location-advice.js';

/** Leaves room for an access token as a password, which has a few thousand characters. */
const MAX_LOCATION_LENGTH = 10_000;

/** A location parsed from a string. */
export interface ParsedLocation {
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
  readonly database?: number;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: true;
  /** IP version for node-redis' `socket.family`; 0 for both. */
  readonly family?: number;
}

/** Whether a scheme means TLS. Valkey's schemes mean the same as those of Redis. */
const TLS_BY_SCHEME: ReadonlyMap<string, boolean> = new Map([
  ['redis', false],
  ['rediss', true],
  ['valkey', false],
  ['valkeys', true],
]);

/** The system limits the address of a Unix socket to 108 bytes with its end. */
const MAX_SOCKET_PATH_LENGTH = 107;

const HOST_AND_PORT = /^(\[[^\]]*\]|[^:[\]]*)(?::(.*))?$/s;

const CONTROLS = /\p{Cc}/u;

const NOT_A_LOCATION =
  'must be host, host:port, [IPv6]:port, a redis:// or rediss:// URL or unix:/path; a host has only letters, ' +
  `digits, ".", "-" and "_"; got something else ${NOT_SHOWN}`;

/**
 * Parses one entry: `host`, `host:port`, `[IPv6]:port`, `unix:/path`, or a URL.
 *
 * @param where name of the entry in error messages
 * @param mayBePiece whether the entry may be a piece of a URL whose password contains a separator
 * @throws InvalidOptionError; its message never shows text that may be a credential
 */
export function parseEntry(entry: string, where: string, mayBePiece: boolean): ParsedLocation {
  checkLength(entry, where);
  const text = entry.trim();
  if (text === '') {
    throw new InvalidOptionError(
      `${where} is empty; write host, host:port, a redis:// URL or unix:/path, and separators only between locations`,
    );
  }
  if (/^unix:/i.test(text)) return { path: parseSocketPath(text.slice('unix:'.length), where) };
  if (text.includes('://') && !/^["'`[{]/.test(text)) return parseUrl(text, where, mayBePiece);
  const match = HOST_AND_PORT.exec(text);
  const [, host = '', port] = match ?? [];
  const problem = match === null ? NOT_A_LOCATION : (problemOfHost(host) ?? problemOfPort(port));
  if (problem !== undefined) {
    throw new InvalidOptionError(`${where} ${adviceOn(text) ?? adviceOnIPv6(text) ?? problem}`);
  }
  return { host, ...(port === undefined ? {} : { port: Number(port) }) };
}

/**
 * Parses a `redis://`, `rediss://`, `valkey://` or `valkeys://` URL.
 *
 * @param mayBePiece whether the URL may be a piece of a URL whose password contains a separator
 * @throws InvalidOptionError; its message never shows text that may be a credential
 */
export function parseUrl(url: string, where: string, mayBePiece = false): ParsedLocation {
  const fail = (problem: string) => new InvalidOptionError(`${where} ${problem}`);
  checkLength(url, where);
  const text = url.trim();
  const end = text.indexOf('://');
  if (end < 0) throw fail(adviceOn(text) ?? 'must be a URL that begins with redis:// or rediss://');
  const scheme = text.slice(0, end).toLowerCase();
  const tls = TLS_BY_SCHEME.get(scheme);
  if (tls === undefined) throw fail(schemeAdvice(scheme));

  const [, authority = '', path = '', query = '', fragment = ''] =
    /^([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?$/s.exec(text.slice(end + '://'.length)) ?? [];
  const at = authority.lastIndexOf('@');
  const [, written = '', port] = HOST_AND_PORT.exec(authority.slice(at + 1)) ?? [undefined, '', ''];
  // An "@" after the authority means that a user name or password contains "/", "?" or "#".
  const isBroken = `${path}${query}${fragment}`.includes('@') || CONTROLS.test(text) || !text.isWellFormed();
  if (isBroken || (written === '' && authority !== '')) {
    throw fail(
      `is not a URL of the form ${scheme}://user:password@host:port/database; in a user name or password, ` +
        'percent-encode everything but letters and digits (not shown here)',
    );
  }
  // In URLs, the "%" before the zone of an IPv6 address is written as "%25" (RFC 6874).
  const host = written === '' ? DEFAULT_HOST : written.replace(/^(\[[^%]*%)25(?=[^\]])/, '$1');
  const problem = problemOfHost(host) ?? problemOfPort(port);
  if (problem !== undefined) throw fail(adviceOn(authority.slice(at + 1)) ?? problem);
  if (fragment !== '') {
    throw fail('has "#", which has no meaning; in a password, percent-encode it (not shown here)');
  }
  const database = path.slice(1);
  if (!/^\d*$/.test(database) || !Number.isSafeInteger(Number(database))) {
    throw fail('must have a database number and nothing else after the host (not shown here)');
  }
  return {
    host,
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(database === '' ? {} : { database: Number(database) }),
    ...parseCredentials(authority.slice(0, Math.max(at, 0)), where),
    ...(tls ? { tls } : {}),
    ...parseQuery(query.slice(1), where, mayBePiece),
  };
}

function checkLength({ length }: string, where: string): void {
  if (length <= MAX_LOCATION_LENGTH) return;
  throw new InvalidOptionError(
    `${where} must have at most ${MAX_LOCATION_LENGTH} characters, got ${length} (not shown here)`,
  );
}

function parseSocketPath(text: string, where: string): string {
  const path = text.replace(/^\/\/(?=\/)/, '');
  if (/[@?#=]/.test(path)) {
    throw new InvalidOptionError(
      `${where} has "@", "?", "#" or "=" in the path of a Unix socket; pass an object in a list, as in ` +
        '[{ path, username, password, database }] (not shown here)',
    );
  }
  if (!isSocketPath(path) || path.startsWith('//') || PLACEHOLDER.test(path)) {
    throw new InvalidOptionError(
      `${where} must have an absolute path after unix:, as in unix:/run/redis.sock (not shown here)`,
    );
  }
  return path;
}

/** Whether a value is the absolute path of a Unix socket, or of a named pipe of Windows. */
export function isSocketPath(value: unknown): boolean {
  return (
    typeof value === 'string' &&
    /^(\/|\\\\)/.test(value) &&
    value.length <= MAX_SOCKET_PATH_LENGTH &&
    value.isWellFormed() &&
    !CONTROLS.test(value)
  );
}

function adviceOnIPv6(text: string): string | undefined {
  if (!isIPv6(text)) return undefined;
  return 'has an IPv6 address without brackets; write [IPv6]:port, as in [::1]:6379';
}

function problemOfHost(host: string): string | undefined {
  const problem = hostProblem(host);
  return problem === undefined ? undefined : `has a host that ${problem} (not shown here)`;
}

function problemOfPort(text: string | undefined): string | undefined {
  if (text === undefined || (/^\d+$/.test(text) && isPort(Number(text)))) return undefined;
  if (UNSET.test(text)) return `has a port that ${UNSET_ADVICE}`;
  return `must have a port from 1 to 65535, got something else ${NOT_SHOWN}`;
}

/** Parses `user:password`. */
function parseCredentials(text: string, where: string): { username?: string; password?: string } {
  const colon = text.indexOf(':');
  const [user, pass] = colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
  if ([user, pass].some((each) => /^(undefined|null|\$\{\w+\})$/.test(each))) {
    throw new InvalidOptionError(`${where} has a user name or password that ${UNSET_ADVICE}`);
  }
  try {
    return {
      ...(user === '' ? {} : { username: decodeURIComponent(user) }),
      ...(pass === '' ? {} : { password: decodeURIComponent(pass) }),
    };
  } catch {
    // The error of decodeURIComponent() is no `cause`, because it may contain the text.
    throw new InvalidOptionError(
      `${where} has a user name or password that is not percent-encoded (not shown here)`,
    );
  }
}

function parseQuery(text: string, where: string, mayBePiece: boolean): { family?: number } {
  const parameters = [...new URLSearchParams(text)];
  for (const [index, [name, value]] of parameters.entries()) {
    if (name !== 'family') throw new InvalidOptionError(`${where} ${queryAdvice(name, !mayBePiece)}`);
    if (index > 0 || !/^[046]$/.test(value)) {
      throw new InvalidOptionError(
        `${where} must have family once, as family=0, family=4 or family=6 (not shown here)`,
      );
    }
  }
  return parameters[0] === undefined ? {} : { family: Number(parameters[0][1]) };
}
