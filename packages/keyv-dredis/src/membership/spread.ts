import { TOPOLOGY_KEY } from '../format/reserved-keys.js';
import { asText } from '../node/reply-shapes.js';
import { formatRecord, parseRecord, type TopologyRecord, UnusableRecordError } from './record.js';
import { RAISE } from './record-scripts.js';
import type { Send } from './send.js';

/** A server holds the record of another cache. */
export class OtherCacheError extends UnusableRecordError {
  /** The record on the server. */
  readonly record: TopologyRecord;

  constructor(record: TopologyRecord) {
    const names = record.nodes.map(({ name }) => name).join(', ');
    super(`its topology record belongs to another cache, with the nodes ${names}`);
    this.record = record;
  }
}

/**
 * The record that a server holds; undefined if it holds none.
 *
 * @throws UnusableRecordError
 */
export async function readRecord(send: Send): Promise<TopologyRecord | undefined> {
  const text = await send((commands) => commands.getText(TOPOLOGY_KEY));
  return text === undefined ? undefined : parseRecord(text);
}

/**
 * Writes a decided record to a server, unless the server holds a newer one. A server never goes back to an older
 * record, so any process may call this at any time.
 *
 * @returns the record that the server holds afterwards
 * @throws OtherCacheError or UnusableRecordError if the server holds a record that must not be replaced
 */
export async function raise(send: Send, record: TopologyRecord): Promise<TopologyRecord> {
  const text = formatRecord(record);
  const { epoch, cache } = record;
  const reply = await send((commands) =>
    commands.eval(RAISE, [TOPOLOGY_KEY], [text, String(epoch), cache]).then((held) => asText('EVAL', held)),
  );
  if (reply === undefined || reply === text) return record;
  const held = parseRecord(reply);
  if (held.cache !== cache) throw new OtherCacheError(held);
  return held;
}
