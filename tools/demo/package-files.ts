import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

/**
 * Reads every package.json in a folder and its subfolders. @returns each file's text by its path relative to
 * `root`
 */
export async function readPackageFiles(folder: string, root: string): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for await (const path of packageFilesIn(folder))
    files.set(relative(root, path), await readFile(path, 'utf8'));
  return files;
}

async function* packageFilesIn(folder: string): AsyncGenerator<string> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    // pnpm's symbolic links are neither directories nor files, so they are skipped. If they were followed,
    // packages would be read twice, or the search would never end.
    if (entry.isDirectory()) yield* packageFilesIn(path);
    else if (entry.isFile() && entry.name === 'package.json') yield path;
  }
}
