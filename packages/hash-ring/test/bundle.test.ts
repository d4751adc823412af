import { runInNewContext } from 'node:vm';
import { expect, test } from '@jest/globals';
import { HashRing } from '../src/index.js';
import { bundle, bundledBytes } from './support/bundle.js';

/** The browser globals that the bundle may use. Node.js globals are absent: process, Buffer, require. */
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

test('a browser bundle needs nothing from Node.js and finds the same owners', async () => {
  const ring = new HashRing(['a', 'b', { name: 'c', weight: 2 }], { placement: 'ketama' });
  const { owners, print } = await inPage(browser());
  expect(owners).toEqual([...ring.getMany(KEYS), ring.get('é')]);
  expect(print).toBe(ring.fingerprint());
});

test('a browser bundle finds the same owners without WebAssembly, or if a policy forbids compiling it', async () => {
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

test('the minified and gzipped bundle is smaller than 5,050 bytes', async () => {
  // MD5 takes 1.7 KB. About half of that makes getMany 1.5 times as fast as get: 0.6 KB for WebAssembly that
  // hashes two keys at once, and 0.3 KB for writing many keys in one call. Errors that name the allowed
  // values take 0.5 KB. Replicas, shares, movement and fingerprints take 0.6 KB. A feature that exceeds the
  // limit must be worth its size.
  expect(await bundledBytes('index.ts')).toBeLessThan(5050);
});

test("the ring's bundle contains no SVG code", async () => {
  expect(await bundle('index.ts')).not.toContain('svg');
  expect(await bundle('svg.ts')).toContain('svg');
});
