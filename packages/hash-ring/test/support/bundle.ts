import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

/** Bundles an entry point like a browser application: minified, into one file. */
export async function bundle(
  entry: string,
  options: { readonly format?: 'esm' | 'iife' } = {},
): Promise<string> {
  const { outputFiles, warnings } = await build({
    entryPoints: [fileURLToPath(new URL(`../../src/${entry}`, import.meta.url))],
    bundle: true,
    minify: true,
    platform: 'browser',
    target: 'es2023',
    format: options.format ?? 'esm',
    globalName: 'hashRing',
    write: false,
    logLevel: 'silent',
  });
  if (warnings.length > 0) throw new Error(JSON.stringify(warnings));
  return outputFiles[0]?.text as string;
}

/** Size of the gzipped bundle. */
export async function bundledBytes(entry: string): Promise<number> {
  return gzipSync(await bundle(entry), { level: 9 }).length;
}
