import { lookup } from 'node:dns';
import { isIP } from 'node:net';
import type { Connection } from './connection.js';

/** The options of a client's socket that tell which server it connects to. */
export interface Address {
  readonly host?: string;
  readonly port?: number;
  /** Path of a Unix socket. */
  readonly path?: string;
  /** Version of IP, or 0 for both. */
  readonly family?: number;
  readonly lookup?: typeof lookup;
}

export function nameOf({ host, port, path }: Address): string {
  return path ?? `${host}:${port}`;
}

/** Resolves a host name as a new socket does. @returns undefined if there is no name to resolve */
export function hostResolver({
  host,
  family = 0,
  lookup: resolveHost = lookup,
}: Address): Connection['resolveHost'] {
  if (host === undefined || isIP(host) !== 0) return undefined;
  return () =>
    new Promise((resolve, reject) => {
      resolveHost(host, { all: true, family }, (error, found) => {
        if (error) reject(error);
        else resolve(String(found.map(({ address }) => address).sort()));
      });
    });
}
