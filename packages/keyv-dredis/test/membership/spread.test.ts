import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { TOPOLOGY_KEY } from '../../src/format/reserved-keys.js';
import { formatRecord, UnusableRecordError } from '../../src/membership/record.js';
import type { Send } from '../../src/membership/send.js';
import { OtherCacheError, raise, readRecord } from '../../src/membership/spread.js';
import { connectClient, type PlainClient } from '../support/clients.js';
import { makeRecord as makeRecordOf, openNode, rejection, sendTo, startServer } from '../support/index.js';

const NODES = ['10.0.0.1:6379', '10.0.0.2:6379'];

let location: string;
let admin: PlainClient;
let send: Send;

const makeRecord = (epoch: number, changes = {}) => makeRecordOf(epoch, NODES, changes);

beforeAll(async () => {
  ({ location } = await startServer());
  admin = await connectClient(location);
});

beforeEach(async () => {
  await admin.flushAll();
  send = sendTo(openNode(location));
});

const textOnServer = () => admin.get(TOPOLOGY_KEY);

describe('raise()', () => {
  test('writes the record to a server without a record', async () => {
    const record = makeRecord(1);
    expect(await raise(send, record)).toEqual(record);
    expect(await textOnServer()).toBe(formatRecord(record));
    expect(await readRecord(send)).toEqual(record);
  });

  test('replaces an older record, also if its epoch has fewer digits', async () => {
    await raise(send, makeRecord(9));
    await raise(send, makeRecord(10));
    expect(await textOnServer()).toBe(formatRecord(makeRecord(10)));
  });

  test('keeps a newer record, and returns it', async () => {
    await raise(send, makeRecord(10));
    expect(await raise(send, makeRecord(9))).toEqual(makeRecord(10));
    expect(await textOnServer()).toBe(formatRecord(makeRecord(10)));
  });

  test('keeps a record of the same epoch, so a caller can compare it', async () => {
    const [first, second] = [makeRecord(3), makeRecordOf(3, NODES.slice(1))];
    await raise(send, first);
    expect(await raise(send, second)).toEqual(first);
    expect(await textOnServer()).toBe(formatRecord(first));
  });

  test("never replaces another cache's record, even if it is older", async () => {
    const other = makeRecord(1, { cache: 'c2' });
    await raise(send, other);
    const error = await rejection(raise(send, makeRecord(5)));
    expect(error).toBeInstanceOf(OtherCacheError);
    expect(error.message).toBe(
      'its topology record belongs to another cache, with the nodes 10.0.0.1:6379, 10.0.0.2:6379',
    );
    expect(await textOnServer()).toBe(formatRecord(other));
  });

  test.each([
    ['text', 'no record'],
    ['a record of a newer format', '{"format":2,"epoch":1}'],
  ])('never replaces %s', async (_, text) => {
    await admin.set(TOPOLOGY_KEY, text);
    expect(await rejection(raise(send, makeRecord(5)))).toBeInstanceOf(UnusableRecordError);
    expect(await textOnServer()).toBe(text);
  });

  test('ends with the newest record if many processes write at once', async () => {
    const sends = [send, ...[1, 2, 3].map(() => sendTo(openNode(location)))];
    const epochs = Array.from({ length: 40 }, (_, index) => ((index * 7) % 40) + 1);
    const held = await Promise.all(
      epochs.map((epoch, index) => raise(sends[index % sends.length] as Send, makeRecord(epoch))),
    );
    expect(await textOnServer()).toBe(formatRecord(makeRecord(40)));
    for (const [index, { epoch }] of held.entries())
      expect(epoch).toBeGreaterThanOrEqual(epochs[index] as number);
  });
});

test('readRecord() finds no record on an empty server', async () => {
  expect(await readRecord(send)).toBeUndefined();
});
