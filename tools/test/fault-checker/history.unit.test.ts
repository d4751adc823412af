import { expect, test } from '@jest/globals';
import { type Entry, parseEntries, serializeEntries, toHistory } from '../../fault-checker/history.js';
import { RUN, rollback, START, set } from './support/entries.js';

test('parseEntries() reads what serializeEntries() wrote, and ignores an incomplete last line', () => {
  const entries: Entry[] = [RUN, ...START, set('a', 'x', 10, 11), rollback(1, 2, 3)];
  expect(parseEntries(`${serializeEntries(entries)}{"type":"sta`)).toEqual(entries);
});

test('toHistory() throws if clients disagree about the owners of keys', () => {
  const entries: Entry[] = [RUN, ...START, { type: 'owners', owners: { k: 'n2', l: 'n1', m: 'n2' } }];
  expect(() => toHistory(entries)).toThrow('the clients disagree about the owners of keys');
});
