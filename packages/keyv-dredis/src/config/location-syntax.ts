import { isIPv6 } from 'node:net';
import { describe } from '../errors/describe.js';
import { InvalidOptionError } from '../errors/errors.js';

export const DEFAULT_HOST = 'localhost';

const NOT_SHOWN = 'something else (not shown, as it may be part of a password)';

/** A location parsed from a string. */
export interface ParsedLocation {
  readonly url?: string;
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
  readonly database?: number;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: true;
}

/**
 * Parses one entry: `host`, `host:port`, `[IPv6]:port`, `unix:/path`, or a URL. This function returns a URL
 * unchanged. {@link parseUrl} parses it later.
 *
 * @param where name of the entry in error messages
 * @param secret whether the entry may be part of a URL whose password contains a separator; if so, messages
 * do not show the entry
 * @throws InvalidOptionError; its message never shows text that may be a credential
 */
export function parseEntry(entry: string, where: string, secret: boolean): ParsedLocation {
  if (entry === '') {
    throw new InvalidOptionError(`${where} is empty; expected host, host:port, a redis:// URL or unix:/path`);
  }
  if (/^unix:/i.test(entry)) {
    const path = entry.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
    if (!path.startsWith('/')) {
      throw new InvalidOptionError(
        `${where} must have an absolute path after unix:, as in unix:/run/redis.sock`,
      );
    }
    return { path };
  }
  if (entry.includes('://')) {
    if (secret && !/^rediss?:/i.test(entry)) {
      throw new InvalidOptionError(
        `${where} has an unknown scheme (not shown, as it may be part of a password); allowed are redis://, ` +
          'rediss:// and unix:/path',
      );
    }
    return { url: entry };
  }
  if (entry.includes('@')) {
    throw new InvalidOptionError(
      `${where} has credentials but no scheme; write redis://user:password@host:port (not shown here)`,
    );
  }
  const match = /^(\[[^\]]*\]|[^:[\]]*)(?::(.*))?$/s.exec(entry);
  const host = match?.[1] ?? '';
  if (!isHost(host)) {
    throw new InvalidOptionError(
      `${where} must be host, host:port, [IPv6]:port, a redis:// or rediss:// URL or unix:/path, ` +
        `got ${secret ? NOT_SHOWN : describe(entry)}`,
    );
  }
  return { host, ...(match?.[2] === undefined ? {} : { port: parsePort(match[2], where, secret) }) };
}

function parsePort(text: string, where: string, secret: boolean): number {
  const port = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (isPort(port)) return port;
  throw new InvalidOptionError(
    `${where} must have a port from 1 to 65535, got ${secret ? NOT_SHOWN : describe(text)}`,
  );
}

/** Parses a `redis://` or `rediss://` URL. */
export function parseUrl(text: string, where: string): ParsedLocation {
  const scheme = text.slice(0, text.indexOf('://')).toLowerCase();
  if (!text.includes('://') || !/^[a-z][a-z\d+.-]*$/.test(scheme)) {
    throw new InvalidOptionError(`${where} must be a URL that begins with redis:// or rediss://`);
  }
  if (scheme !== 'redis' && scheme !== 'rediss') {
    throw new InvalidOptionError(
      `${where} has the unknown scheme ${scheme}://; allowed are redis://, rediss:// and unix:/path`,
    );
  }
  // The URL parser's error contains the whole text, including the password, so it must not become a `cause`.
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !isHost(url.hostname || DEFAULT_HOST) || url.search !== '' || url.hash !== '') {
    throw new InvalidOptionError(
      `${where} is not a URL of the form ${scheme}://user:password@host:port/database; in a user name or ` +
        'password, percent-encode everything but letters and digits (not shown here)',
    );
  }
  const database = /^\/?$/.test(url.pathname) ? undefined : url.pathname.slice(1);
  if (database !== undefined && !/^\d+$/.test(database)) {
    throw new InvalidOptionError(
      `${where} must have a database number and nothing else after the host (not shown here)`,
    );
  }
  return {
    host: url.hostname || DEFAULT_HOST,
    ...(url.port === '' ? {} : { port: parsePort(url.port, where, true) }),
    ...(database === undefined ? {} : { database: Number(database) }),
    ...(url.username === '' ? {} : { username: decode(url.username, where) }),
    ...(url.password === '' ? {} : { password: decode(url.password, where) }),
    ...(scheme === 'rediss' ? { tls: true } : {}),
  };
}

function decode(text: string, where: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new InvalidOptionError(
      `${where} has a user name or password that is not percent-encoded (not shown here)`,
    );
  }
}

export function isPort(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65535;
}

/** A host name, an IPv4 address, or an IPv6 address, bare or in brackets. */
export function isHost(value: string): boolean {
  if (!value.isWellFormed()) return false;
  if (value.startsWith('[')) return value.endsWith(']') && isIPv6(value.slice(1, -1));
  return isIPv6(value) || /^[^\s/@:?#[\]\\]+$/.test(value);
}
