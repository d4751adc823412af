import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
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

// npm shows the README that lies in the package; there is one for all to keep, at the top.
await copyFile(
  fileURLToPath(new URL('../../README.md', import.meta.url)),
  fileURLToPath(new URL('README.md', import.meta.url)),
);

execFileSync('tsc', ['--project', 'tsconfig.build.json', '--outDir', folder('esm')], {
  cwd: fileURLToPath(new URL('.', import.meta.url)),
  stdio: 'inherit',
});
await mkdir(folder('cjs'), { recursive: true });
const published = await reachable('index.d.ts');
for (const name of await readdir(folder('esm'))) {
  if (!name.endsWith('.d.ts')) continue;
  if (published.has(name)) await copyFile(folder('esm') + name, folder('cjs') + name);
  else await rm(folder('esm') + name);
}

/**
 * The declarations that a user's compiler reads. The others tell of the inside, and some of them of
 * the ring: were one of those reached, a user would be sent to somebody else's package.
 */
async function reachable(name: string, found = new Set<string>()): Promise<Set<string>> {
  if (found.has(name)) return found;
  found.add(name);
  const text = await readFile(folder('esm') + name, 'utf8');
  if (/from\s+'hash-ring'/.test(text)) throw new Error(`The public ${name} imports hash-ring`);
  for (const [, path] of text.matchAll(/(?:from\s+|import\()['"]\.\/([^'"]+)\.js['"]/g)) {
    await reachable(`${path}.d.ts`, found);
  }
  return found;
}
