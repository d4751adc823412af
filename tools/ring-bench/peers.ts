import { createRequire } from 'node:module';

/** The part of a peer that the benchmark uses. */
export interface Peer {
  readonly get: (key: string) => string | undefined;
  readonly add: (name: string) => void;
}

interface HashringPackage {
  new (servers: readonly string[]): { get(key: string): string | undefined; add(server: string): void };
}
interface KetamaPackage {
  readonly HashRing: new (
    nodes: readonly string[],
    hash: string,
  ) => { getNode(key: string): string | undefined; addNode(name: string): void };
}
interface ConsistentHashingPackage {
  new (nodes: readonly string[]): { getNode(key: string): string; addNode(name: string): void };
}

const require = createRequire(import.meta.url);
const Hashring: HashringPackage = require('hashring');
const ketama: KetamaPackage = require('ketama');
const ConsistentHashing: ConsistentHashingPackage = require('consistent-hashing');

/** Functions that build each peer. `ketama` uses SHA-1 by default, but here it uses MD5 like the others. */
export const peers = {
  hashring: (names: readonly string[]): Peer => {
    const ring = new Hashring(names);
    return { get: (key) => ring.get(key), add: (name) => ring.add(name) };
  },
  ketama: (names: readonly string[]): Peer => {
    const ring = new ketama.HashRing(names, 'md5');
    return { get: (key) => ring.getNode(key), add: (name) => ring.addNode(name) };
  },
  'consistent-hashing': (names: readonly string[]): Peer => {
    const ring = new ConsistentHashing(names);
    return { get: (key) => ring.getNode(key), add: (name) => ring.addNode(name) };
  },
};
export type PeerName = keyof typeof peers;
