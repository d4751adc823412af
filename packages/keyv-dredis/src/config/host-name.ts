import { isIP, isIPv4, isIPv6, SocketAddress } from 'node:net';
import { UNSET, UNSET_ADVICE } from './location-advice.js';

export const DEFAULT_HOST = 'localhost';

/** DNS allows 253 characters. One more may be the trailing dot. */
const MAX_HOST_LENGTH = 254;

/** A part of a host name between two dots. */
const LABEL = /^[a-z\d_][a-z\d_-]{0,62}$/i;

/**
 * What is wrong with a host; undefined if the text is a host name or an IP address. The result is a predicate,
 * such as "is empty", and never contains the text, which may be a credential.
 */
export function hostProblem(text: string): string | undefined {
  if (text === '') return 'is empty';
  if (text.length > MAX_HOST_LENGTH) return 'has more than 253 characters';
  if (text.startsWith('[')) {
    if (text.endsWith(']') && isIPv6(text.slice(1, -1))) return undefined;
    return 'has brackets without an IPv6 address in them, as in [::1]:6379';
  }
  if (isIPv6(text)) return undefined;
  if (!/^[\w.-]+$/.test(text)) return 'has characters other than letters, digits, ".", "-" and "_"';
  if (UNSET.test(text)) return UNSET_ADVICE;
  const name = withoutTrailingDot(text);
  const labels = name.split('.');
  // The system's resolver reads 1.2.3 and 0x7f000001 as IPv4 addresses: 1.2.0.3 and 127.0.0.1.
  if (/^(\d+|0x[\da-f]*)$/i.test(labels.at(-1) as string)) {
    if (isIPv4(name)) return undefined;
    return 'looks like an IPv4 address, but is not four numbers from 0 to 255 without leading zeros';
  }
  if (labels.every((label) => LABEL.test(label))) return undefined;
  return 'has a part between dots that is empty, begins with "-" or has more than 63 characters';
}

/**
 * The same text for all spellings of a host: lower case, without brackets and a trailing dot, an IPv6 address
 * as in RFC 5952, and an IPv4-mapped IPv6 address as IPv4.
 */
export function canonicalHost(host: string): string {
  const bare = host.replace(/^\[|\]$/g, '');
  if (!isIPv6(bare)) return withoutTrailingDot(bare.toLowerCase());
  const [address = '', zone] = bare.split('%');
  const canonical = new SocketAddress({ address, family: 'ipv6' }).address.replace(/^::ffff:(?=.*\.)/, '');
  return zone === undefined ? canonical : `${canonical}%${zone}`;
}

/**
 * The host to connect to. A host name keeps its trailing dot, which tells the resolver not to try its search
 * domains. The resolver does not know addresses with a trailing dot, and `localhost.` only on some systems.
 */
export function hostToConnect(host: string): string {
  const canonical = canonicalHost(host);
  return isIP(canonical) > 0 || canonical === DEFAULT_HOST ? canonical : host.toLowerCase();
}

export function isPort(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65535;
}

function withoutTrailingDot(host: string): string {
  return host.replace(/(?<=.)\.$/, '');
}
