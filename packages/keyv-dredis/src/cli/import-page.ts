import { partsOf } from '../node/command-length.js';
import type { Node } from '../node/node.js';
import { asValues } from '../node/reply-shapes.js';
import { READ_ONLY } from '../node/send-options.js';
import { AS_BYTES, AS_TEXT } from '../node/server-commands.js';
import { ownerOf, type Snapshot } from '../sharding/topology.js';
import { timers } from '../timers.js';
import { addEntries, type NewEntry } from './guarded-writes.js';
import { ask, unlessRefused } from './server-commands.js';

/** An entry of the source. */
interface Entry {
  readonly key: string;
  readonly value: Buffer;
  /** On the clock of `timers`, in milliseconds; undefined if the entry never expires. */
  readonly expiresAt: number | undefined;
}

/** What became of the keys of the source. */
export interface ImportCounts {
  /** Keys that were looked at. */
  readCount: number;
  /** Keys that were stored, or would be with `--dry-run`. */
  importedCount: number;
  /** Keys that the nodes had already. They stay as they are. */
  existingCount: number;
  /** Keys that hold no string, which no store can read. */
  otherTypeCount: number;
  /** Keys that were removed or have expired meanwhile. */
  goneCount: number;
}

const COUNT_OF = { stored: 'importedCount', existing: 'existingCount', expired: 'goneCount' } as const;

/** Copies the values of some keys from the source to their owners, unless the owners have them already. */
export class PageImport {
  readonly counts: ImportCounts = {
    readCount: 0,
    importedCount: 0,
    existingCount: 0,
    otherTypeCount: 0,
    goneCount: 0,
  };
  readonly #source: Node;
  readonly #target: Snapshot;
  readonly #head: string;
  readonly #isDryRun: boolean;

  /** @param head beginning of the topology record; empty if there is none */
  constructor(source: Node, target: Snapshot, head: string, isDryRun: boolean) {
    this.#source = source;
    this.#target = target;
    this.#head = head;
    this.#isDryRun = isDryRun;
  }

  /**
   * Entries that were stored before a failure are counted.
   *
   * @throws SupersededError if the topology has changed
   * @throws DRedisError if the source or an owner fails
   */
  async import(keys: readonly string[]): Promise<void> {
    const { counts } = this;
    const lengths = await Promise.all(keys.map((key) => unlessRefused(ask(this.#source, 'STRLEN', key))));
    const strings = keys.flatMap((key, index) => {
      const length = lengths[index];
      return typeof length === 'number' ? [{ key, length }] : [];
    });
    counts.readCount += keys.length;
    counts.otherTypeCount += keys.length - strings.length;
    if (strings.length === 0) return;
    for (const [from, to] of partsOf(strings.length, (index) => strings[index]?.length ?? 0)) {
      const part = strings.slice(from, to).map(({ key }) => key);
      if (this.#isDryRun) await this.#compare(part);
      else await this.#copy(part);
    }
  }

  async #copy(keys: readonly string[]): Promise<void> {
    const entries = await this.#read(keys);
    this.counts.goneCount += keys.length - entries.length;
    const byOwner = new Map<Node, NewEntry[]>();
    for (const { key, value, expiresAt } of entries) {
      const owner = ownerOf(key, this.#target);
      const ttlMs = () => (expiresAt === undefined ? undefined : expiresAt - timers.now());
      byOwner.set(owner, [...(byOwner.get(owner) ?? []), { key, value, ttlMs }]);
    }
    await settleAll(
      Array.from(byOwner, async ([owner, list]) => {
        for (const outcome of await addEntries(owner, list, this.#head)) this.counts[COUNT_OF[outcome]] += 1;
      }),
    );
  }

  /** Counts what {@link PageImport.import} would do. */
  async #compare(keys: readonly string[]): Promise<void> {
    await settleAll(
      keys.map(async (key) => {
        const exists = await ownerOf(key, this.#target).run((commands) => commands.exists(key), READ_ONLY);
        this.counts[exists ? 'existingCount' : 'importedCount'] += 1;
      }),
    );
  }

  /**
   * The values with their expiries. They are read in one transaction, because a value must not get the expiry of
   * the value that replaced it.
   */
  async #read(keys: readonly string[]): Promise<readonly Entry[]> {
    const now = timers.now();
    const reply = await this.#source.run(() => {
      const send = (args: readonly string[], options: object) =>
        this.#source.client.sendCommand(args as never, options as never);
      const queued = [['MULTI'], ['MGET', ...keys], ...keys.map((key) => ['PTTL', key])].map((args) =>
        send(args, AS_TEXT),
      );
      return Promise.all([...queued, send(['EXEC'], AS_BYTES)]).then((replies) => replies.at(-1));
    }, READ_ONLY);
    const [values, ...ttls] = asValues('EXEC', reply, keys.length + 1);
    return asValues('MGET', values, keys.length).flatMap((value, index) => {
      const ttlMs = Number(ttls[index]);
      if (!Buffer.isBuffer(value)) return [];
      return [{ key: keys[index] as string, value, expiresAt: ttlMs >= 0 ? now + ttlMs : undefined }];
    });
  }
}

/** Waits for all promises, so that the counts are right. @throws the first error */
async function settleAll(promises: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(promises)).find(({ status }) => status === 'rejected');
  if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
}
