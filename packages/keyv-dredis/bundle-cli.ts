import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const HERE = fileURLToPath(new URL('.', import.meta.url));

/** Paths of the modules of the ring. */
export interface RingModules {
  readonly index: string;
  readonly svg: string;
}

/**
 * Bundles the command line with its libraries into one file, so that the package has only one run-time dependency.
 * The file shares no modules with the library, so the library's files do not depend on it. It is CommonJS, because
 * libraries in it require modules of Node.js.
 */
export async function bundleCli(outfile: string, ring: RingModules): Promise<void> {
  const { version } = JSON.parse(await readFile(join(HERE, 'package.json'), 'utf8')) as { version: string };
  const { metafile } = await build({
    entryPoints: [join(HERE, 'src/cli/main.ts')],
    outfile,
    alias: { 'hash-ring': ring.index, 'hash-ring/svg': ring.svg },
    bundle: true,
    define: { KEYV_DREDIS_VERSION: JSON.stringify(version) },
    external: ['redis'],
    format: 'cjs',
    metafile: true,
    platform: 'node',
    target: 'node20',
  });
  await writeFile(join(dirname(outfile), 'LICENSES.txt'), await licencesOf(Object.keys(metafile.inputs)));
}

/** The licences of all bundled libraries, which have to be distributed with their code. */
async function licencesOf(inputs: readonly string[]): Promise<string> {
  const folders = new Set(inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []));
  const texts = [...folders].sort().map(async (path) => {
    const folder = join(process.cwd(), path);
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined) throw new Error(`${name} has no licence`);
    return `${name}\n\n${await readFile(join(folder, file), 'utf8')}`;
  });
  return (await Promise.all(texts)).join('\n\n---\n\n');
}
