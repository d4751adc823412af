/**
 * Emits `dist/esm` and `dist/cjs`, each with its declarations. The nearest package.json decides whether a
 * `.js` file is an ES module or CommonJS, so `dist/cjs` gets its own package.json.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const tsc = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url));

function emit(folder: string, ...options: string[]): void {
  const args = [tsc, '-p', 'tsconfig.build.json', '--outDir', `dist/${folder}`, ...options];
  execFileSync(process.execPath, args, { cwd: here, stdio: 'inherit' });
}

rmSync(`${here}/dist`, { recursive: true, force: true });
emit('esm');
emit('cjs', '--module', 'commonjs', '--moduleResolution', 'bundler', '--verbatimModuleSyntax', 'false');
mkdirSync(`${here}/dist/cjs`, { recursive: true });
writeFileSync(`${here}/dist/cjs/package.json`, '{ "type": "commonjs" }\n');
