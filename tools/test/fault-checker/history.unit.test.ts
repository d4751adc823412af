import { expect, test } from '@jest/globals';
import {
  type Entry,
  parseEntries,
  serializeEntries,
  serverFaultsOf,
  toHistory,
} from '../../fault-checker/history.js';
import { fault, RUN, set } from './support/entries.js';

test('parseEntries() reads what serializeEntries() wrote, and ignores an incomplete last line', () => {
  const entries: Entry[] = [RUN, set('a', 'x', 10, 11), fault('kill', 1, 3)];
  expect(parseEntries(`${serializeEntries(entries)}{"type":"sta`)).toEqual(entries);
});

test('toHistory() throws if there is no run', () => {
  expect(() => toHistory([set('a', 'x', 10, 11)])).toThrow('the history needs an entry of type run');
});

test('a run with restartPolicy keep has no rollbacks, whose losses would be accepted', () => {
  expect(serverFaultsOf({ mode: 'failover', restartPolicy: 'keep' })).toEqual(['freeze', 'kill', 'restart']);
  expect(serverFaultsOf({ mode: 'failover', restartPolicy: 'purge' })).toContain('rollback');
});
