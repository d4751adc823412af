import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { startRedis } from 'redis-launcher';
import { anyCommand } from '../../examples/any-command.js';
import { integrations } from '../../examples/integrations.js';
import { namespaces } from '../../examples/namespaces.js';
import { quickStart } from '../../examples/quick-start.js';
import { updateNodes } from '../../examples/update-nodes.js';
import { sharedLocations } from '../support/servers.js';

const readme = await readFile(new URL('../../../../README.md', import.meta.url), 'utf8');

/** Lines of code as they are compared: neither indented nor empty. */
function linesOf(code: string): string[] {
  return code
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

describe('the README', () => {
  const blocks = [...readme.matchAll(/```ts\n(.*?)```/gs)]
    .map(([, code]) => linesOf(code as string))
    // The first one is the promise itself, with addresses of its own.
    .slice(1);

  test.each(blocks.map((lines) => ({ title: lines[0], lines })))(
    'shows what an example does: $title',
    async ({ lines }) => {
      const folder = new URL('../../examples/', import.meta.url);
      const examples = await Promise.all(
        (await readdir(folder)).map(async (file) => {
          // The workspace has both majors of Keyv, and a user has one.
          const text = await readFile(new URL(file, folder), 'utf8');
          const code = text.replace("import { Keyv, KeyvHooks } from 'keyv5'", "import { Keyv } from 'keyv'");
          return new Set(linesOf(code));
        }),
      );
      const missing = examples.map((example) => lines.filter((line) => !example.has(line)));
      expect(missing).toContainEqual([]);
    },
  );
});

describe('the examples', () => {
  test('quick start', async () => {
    expect(await quickStart(sharedLocations())).toEqual([{ name: 'Ada' }, undefined, { name: 'Ada' }]);
  });

  test('namespaces', async () => {
    expect(await namespaces(sharedLocations())).toEqual(['Ada', undefined]);
  });

  test('any command', async () => {
    expect(await anyCommand(sharedLocations())).toEqual([1, 'OK', null, 1]);
  });

  test('integrations', async () => {
    expect(await integrations(sharedLocations())).toEqual(['<h1>home</h1>', 'request 1', 'request 1']);
  });

  test('update nodes', async () => {
    await using fifth = await startRedis({ count: 1 });
    const moved = await updateNodes([...sharedLocations(), ...fifth.locations]);
    expect(moved / 1000).toBeGreaterThan(0.1);
    expect(moved / 1000).toBeLessThan(0.3);
  });
});
