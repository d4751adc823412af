import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { insteadOf } from '../../src/config/former-options.js';
import { STORE_RULES } from '../../src/config/validation.js';

test('no option of the store counts as a former option', () => {
  expect(Object.keys(STORE_RULES).filter((name) => insteadOf(name) !== undefined)).toEqual([]);
});

test('names of Object.prototype are no former options', () => {
  expect(['constructor', 'toString', '__proto__'].map(insteadOf)).toEqual([undefined, undefined, undefined]);
});

test.each(['connectionTimeout', 'clearBatchSize', 'noNamespaceAffectsAll', 'db', 'onNodeDown', 'redis'])(
  'the option that replaces %s exists',
  (name) => {
    const [, replacement = ''] = /^it is called (\w+)/.exec(insteadOf(name) ?? '') ?? [];
    expect(Object.keys(STORE_RULES)).toContain(replacement);
  },
);

test('every option in the tables of docs/migrating.md is an option of the store or explained by an error', () => {
  const text = readFileSync(new URL('../../../../docs/migrating.md', import.meta.url), 'utf8');
  const sections = text.split(/^##+ /m).filter((section) => section.startsWith('Options of '));
  // The first table of a section has the options; a later one has events or methods.
  const tables = sections.map((section) => /(^\|.*\n)+/m.exec(section)?.[0] ?? '');
  const cells = tables.flatMap((table) => table.match(/^\|[^|]*\|/gm) ?? []);
  const names = cells.flatMap((cell) => Array.from(cell.matchAll(/`(\w+)`/g), ([, name]) => name as string));
  expect(names.length).toBeGreaterThan(30);
  expect(names.filter((name) => !(name in STORE_RULES) && insteadOf(name) === undefined)).toEqual([]);
});
