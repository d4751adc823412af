import { execFileSync } from 'node:child_process';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/**
 * Builds what is published: one file of ES modules and one of CommonJS, each beside its declarations.
 * The ring goes into these files, for on npm its name belongs to somebody else.
 */
const folder = (name: string) => fileURLToPath(new URL(`dist/${name}/`, import.meta.url));

await rm(folder('.'), { recursive: true, force: true });
await Promise.all(
  (['esm', 'cjs'] as const).map((format) =>
    build({
      entryPoints: [fileURLToPath(new URL('src/index.ts', import.meta.url))],
      outfile: `${folder(format)}index.js`,
      format,
      bundle: true,
      external: ['keyv', 'redis'],
      platform: 'node',
      target: 'node20',
    }),
  ),
);
await writeFile(`${folder('cjs')}package.json`, `${JSON.stringify({ type: 'commonjs' })}\n`);

// npm shows the README of the package, whose relative links lead to docs/. Both are maintained at the root.
await rm(fileURLToPath(new URL('docs/', import.meta.url)), { recursive: true, force: true });
for (const name of ['README.md', 'docs']) {
  await cp(
    fileURLToPath(new URL(`../../${name}`, import.meta.url)),
    fileURLToPath(new URL(name, import.meta.url)),
    { recursive: true },
  );
}

execFileSync('tsc', ['--project', 'tsconfig.build.json', '--outDir', folder('types')], {
  cwd: fileURLToPath(new URL('.', import.meta.url)),
  stdio: 'inherit',
});
for (const path of await reachable('index.d.ts')) {
  await cp(folder('types') + path, folder('esm') + path);
  await cp(folder('types') + path, folder('cjs') + path);
}
await rm(folder('types'), { recursive: true });

/**
 * The declarations that a user's compiler reads. The others describe internals, and some of them import
 * the ring: if one of those were reached, a user would be sent to somebody else's package.
 */
async function reachable(path: string, found = new Set<string>()): Promise<Set<string>> {
  if (found.has(path)) return found;
  found.add(path);
  const text = await readFile(folder('types') + path, 'utf8');
  if (/from\s+'hash-ring'/.test(text)) throw new Error(`The public ${path} imports hash-ring`);
  for (const [, target] of text.matchAll(/(?:from\s+|import\()['"](\.{1,2}\/[^'"]+)\.js['"]/g)) {
    await reachable(join(dirname(path), `${target}.d.ts`), found);
  }
  return found;
}
