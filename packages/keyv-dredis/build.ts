import { execFileSync } from 'node:child_process';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build } from 'esbuild';
import { bundleCli } from './bundle-cli.js';

/**
 * Builds `dist/esm` and `dist/cjs`, each with declarations, and the command line, and copies the documentation,
 * which is published with them.
 *
 * The ring is bundled and exported as `keyv-dredis/hash-ring`, because on npm the name hash-ring belongs to
 * another package.
 */
const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = join(HERE, '../..');
const RING = join(HERE, '../hash-ring/dist');
const DIST = join(HERE, 'dist');
const FORMATS = ['esm', 'cjs'] as const;

await rm(DIST, { recursive: true, force: true });
await bundle();
await bundleCli(join(DIST, 'cli/keyv-dredis.cjs'), {
  index: join(RING, 'esm/index.js'),
  svg: join(RING, 'esm/svg.js'),
});
await writeFile(join(DIST, 'cjs/package.json'), `${JSON.stringify({ type: 'commonjs' })}\n`);
await copyDeclarations();
await copyDocs();

async function bundle(): Promise<void> {
  const common: BuildOptions = {
    entryPoints: {
      index: join(HERE, 'src/index.ts'),
      'hash-ring/index': join(RING, 'esm/index.js'),
      'hash-ring/svg': join(RING, 'esm/svg.js'),
    },
    alias: { 'hash-ring': join(RING, 'esm/index.js') },
    bundle: true,
    external: ['keyv', 'redis'],
    platform: 'node',
    target: 'node20',
  };
  // With splitting, the store and the ring's entry point import the same copy of the ring. The copy's
  // file name contains no hash. This works as long as there is only one such file. esbuild cannot split
  // CommonJS, so in the CommonJS build the store and the entry point have separate copies.
  const splitting = { splitting: true, chunkNames: 'hash-ring/hash-ring' };
  await build({ ...common, outdir: join(DIST, 'esm'), format: 'esm', ...splitting });
  await build({ ...common, outdir: join(DIST, 'cjs'), format: 'cjs' });
}

/** Copies the declarations that users' compilers can reach. The others describe internals. */
async function copyDeclarations(): Promise<void> {
  const types = join(DIST, 'types');
  execFileSync('tsc', ['--project', 'tsconfig.build.json', '--outDir', types], {
    cwd: HERE,
    stdio: 'inherit',
  });
  const store = await reachableDeclarations(types, 'index.d.ts');
  for (const format of FORMATS) {
    const ring = join(RING, format);
    for (const path of store) await cp(join(types, path), join(DIST, format, path));
    for (const entry of ['index.d.ts', 'svg.d.ts']) {
      for (const path of await reachableDeclarations(ring, entry)) {
        await cp(join(ring, path), join(DIST, format, 'hash-ring', path));
      }
    }
  }
  await rm(types, { recursive: true });
}

/** The paths of a declaration file and of all files that it imports, directly or indirectly. */
async function reachableDeclarations(
  folder: string,
  path: string,
  found = new Set<string>(),
): Promise<Set<string>> {
  if (found.has(path)) return found;
  found.add(path);
  const text = await readFile(join(folder, path), 'utf8');
  // A user's compiler would look for the other package that is named hash-ring.
  if (/from\s+'hash-ring'/.test(text)) throw new Error(`The public ${path} imports hash-ring`);
  for (const [, target] of text.matchAll(/(?:from\s+|import\()['"](\.{1,2}\/[^'"]+)\.js['"]/g)) {
    await reachableDeclarations(folder, join(dirname(path), `${target}.d.ts`), found);
  }
  return found;
}

/**
 * Copies the README and docs/ from the repository root, where they are maintained. npm shows the README, and
 * its relative links point to docs/.
 */
async function copyDocs(): Promise<void> {
  await rm(join(HERE, 'docs'), { recursive: true, force: true });
  for (const name of ['README.md', 'docs']) {
    await cp(join(ROOT, name), join(HERE, name), { recursive: true });
  }
}
