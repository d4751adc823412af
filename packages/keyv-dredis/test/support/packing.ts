import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { basename, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from '@jest/globals';

export const WORKSPACE = fileURLToPath(new URL('../../../../', import.meta.url));

export const TYPESCRIPT = join(WORKSPACE, 'node_modules/typescript/bin/tsc');

/** Paths of the tarballs. */
export interface Tarballs {
  readonly ring: string;
  readonly store: string;
}

/** Builds and packs both packages in a copy of the workspace, because other tests run at the same time. */
export async function buildAndPack(copy: string): Promise<Tarballs> {
  const copied = [
    ...['package.json', 'pnpm-workspace.yaml', 'tsconfig.base.json'],
    ...['.pnpmfile.mjs', 'README.md', 'docs'],
    ...['package.json', 'build.ts', 'tsconfig.build.json', 'src', 'node_modules'].flatMap((name) => [
      `packages/hash-ring/${name}`,
      `packages/keyv-dredis/${name}`,
    ]),
    ...['README.md', 'docs', 'LICENSE'].map((name) => `packages/hash-ring/${name}`),
    ...['LICENSE', 'bundle-cli.ts'].map((name) => `packages/keyv-dredis/${name}`),
    'packages/redis-launcher/package.json',
  ];
  for (const path of copied) {
    // Links to dependencies stay relative, so they point into the copy.
    await cp(join(WORKSPACE, path), join(copy, path), { recursive: true, verbatimSymlinks: true });
  }
  await symlink(join(WORKSPACE, 'node_modules'), join(copy, 'node_modules'));
  const [pnpm, ...options] = pnpmCommand();
  for (const name of ['hash-ring', 'keyv-dredis']) {
    const here = join(copy, 'packages', name);
    await run('npm', ['run', 'build'], here);
    await run(pnpm, [...options, 'pack', '--pack-destination', copy], here);
  }
  const packed = (await readdir(copy)).filter((name) => name.endsWith('.tgz')).sort();
  const names = [expect.stringMatching(/^hash-ring-\d/), expect.stringMatching(/^keyv-dredis-\d/)];
  expect(packed).toEqual(names);
  const [ring, store] = packed.map((name) => join(copy, name)) as [string, string];
  return { ring, store };
}

/** If pnpm runs the tests, the command that starts the same pnpm; otherwise `npx pnpm`. */
function pnpmCommand(): [string, ...string[]] {
  const path = process.env['npm_execpath'];
  if (path === undefined || !basename(path).startsWith('pnpm')) return ['npx', '-y', 'pnpm@12'];
  return /^\.[cm]?js$/.test(extname(path)) ? [process.execPath, path] : [path];
}

/** Options for npm install. With them, npm asks the registry only for packages that are not in its cache. */
export const QUIETLY = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];

/** Runs a command as a user would, outside any package manager. @returns its output */
export async function run(
  command: string,
  args: readonly string[],
  cwd: string,
  more: Readonly<Record<string, string>> = {},
): Promise<string> {
  // pnpm sets environment variables for its child processes. npm needs only the variables about the registry.
  const wanted = /^npm_config_(registry|cafile|cache|userconfig|https?_?proxy|no_?proxy)$/i;
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^p?npm_/i.test(name) || wanted.test(name)),
  );
  try {
    const options = { cwd, env: { ...env, ...more }, timeout: 200_000 };
    return (await promisify(execFile)(command, args, options)).stdout;
  } catch (error) {
    const { message, stdout, stderr } = error as Error & { stdout: string; stderr: string };
    throw new Error(`${message}\n${stdout}\n${stderr}`);
  }
}

/** Returns the paths of all files in a folder and its subfolders, sorted. */
export async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** Unpacks a tarball as npm does. @returns the unpacked folder */
export async function unpack(tarball: string, into: string): Promise<string> {
  await mkdir(into);
  await run('tar', ['-xzf', tarball, '-C', into, '--strip-components=1'], into);
  return into;
}

/** The packages that a package's JavaScript and declarations import, without Node.js's own modules. */
export async function packagesImportedBy(folder: string): Promise<string[]> {
  const imported = new Set<string>();
  for (const file of (await filesOf(folder)).filter((file) => file.startsWith('dist/'))) {
    const code = await readFile(join(folder, file), 'utf8');
    for (const [, name] of code.matchAll(
      /(?:\bfrom|\bimport|\brequire\(|\bimport\()\s*['"]([\w@./:-]+)['"]/g,
    )) {
      if (/^\.|^node:/.test(name as string) || builtinModules.includes(name as string)) continue;
      imported.add(name as string);
    }
  }
  return [...imported].sort();
}

/** A strict TypeScript project for Node.js. */
export const STRICT_PROJECT = JSON.stringify({
  compilerOptions: {
    target: 'es2022',
    module: 'nodenext',
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    rootDir: '.',
    outDir: 'out',
  },
  include: ['*.ts', '*.cts'],
});
