import { runInNewContext } from 'node:vm';
import { expect, test } from '@jest/globals';
import { HashRing } from '../src/index.js';
import { bundle, bundledBytes } from './support/bundle.js';

/** The globals of a browser that the bundle may use. Nothing of Node.js: no process, Buffer or require. */
const browser = () => ({ TextEncoder, WebAssembly });
const KEYS = Array.from({ length: 3000 }, (_, i) => `key:${i}`);
const USE = `
  const ring = new hashRing.HashRing(['a', 'b', { name: 'c', weight: 2 }], { placement: 'ketama' });
  owners = [...ring.getMany(keys), ring.get('é')];
  print = ring.fingerprint();
`;

interface Page {
  readonly owners: unknown;
  readonly print: string;
}

async function inPage(globals: object): Promise<Page> {
  const page = { ...globals, keys: KEYS, owners: [], print: '' };
  runInNewContext(`${await bundle('index.ts', { format: 'iife' })}\n${USE}`, page);
  return page;
}

test('a bundle for browsers needs nothing of Node.js and finds the same owners', async () => {
  const ring = new HashRing(['a', 'b', { name: 'c', weight: 2 }], { placement: 'ketama' });
  const { owners, print } = await inPage(browser());
  expect(owners).toEqual([...ring.getMany(KEYS), ring.get('é')]);
  expect(print).toBe(ring.fingerprint());
});

test('without WebAssembly, or when a policy forbids compiling it, the owners are the same', async () => {
  const { owners, print } = await inPage(browser());
  const refused = {
    Memory: WebAssembly.Memory,
    Module: class {
      constructor() {
        throw new Error('refused by the policy of this page');
      }
    },
  };
  expect(await inPage({ TextEncoder })).toMatchObject({ owners, print });
  expect(await inPage({ TextEncoder, WebAssembly: refused })).toMatchObject({ owners, print });
});

test('the minified and gzipped bundle is smaller than 5,000 bytes', async () => {
  // MD5 takes 1.7 KB of it. Half of that makes getMany half as fast again as get: WebAssembly for two keys at once
  // takes 0.6 KB, and writing many keys in one call 0.3 KB. Errors that name the allowed values take 0.5 KB;
  // replicas, shares, movement and fingerprints 0.6 KB. A feature that exceeds the limit must be worth its size.
  expect(await bundledBytes('index.ts')).toBeLessThan(5000);
});

test('the bundle of the ring contains no SVG code', async () => {
  expect(await bundle('index.ts')).not.toContain('svg');
  expect(await bundle('svg.ts')).toContain('svg');
});
