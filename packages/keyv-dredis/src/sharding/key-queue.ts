/** The calls for one key that have not ended. */
interface Line {
  /** The last write; undefined if it has ended. */
  write: Promise<unknown> | undefined;
  /** The reads since then. */
  readonly reads: Set<Promise<unknown>>;
}

/**
 * Keeps calls for the same key in order if each call takes several steps. A read waits for the earlier writes to its
 * keys, and a write also waits for the earlier reads.
 */
export class KeyQueue {
  readonly #lines = new Map<string, Line>();

  /** Whether no call is in the queue. */
  get isEmpty(): boolean {
    return this.#lines.size === 0;
  }

  /** Whether a call for a key has to wait. */
  holds(key: string, isWrite: boolean): boolean {
    const line = this.#lines.get(key);
    return line !== undefined && (line.write !== undefined || (isWrite && line.reads.size > 0));
  }

  /** Runs a call after the earlier calls for its keys. */
  async run<T>(keys: readonly string[], isWrite: boolean, call: () => Promise<T>): Promise<T> {
    const earlier = this.#earlier(keys, isWrite);
    const result = earlier.size === 0 ? call() : Promise.allSettled(earlier).then(call);
    this.#hold(new Set(keys), isWrite, result);
    return result;
  }

  /** Waits until no call is in the queue for which a call for some keys has to wait. */
  async idle(keys: readonly string[], isWrite: boolean): Promise<void> {
    for (;;) {
      const earlier = this.#earlier(keys, isWrite);
      if (earlier.size === 0) return;
      await Promise.allSettled(earlier);
    }
  }

  #earlier(keys: readonly string[], isWrite: boolean): ReadonlySet<Promise<unknown>> {
    const earlier = new Set<Promise<unknown>>();
    if (this.isEmpty) return earlier;
    for (const key of keys) {
      const line = this.#lines.get(key);
      if (line?.write !== undefined) earlier.add(line.write);
      if (isWrite && line !== undefined) for (const read of line.reads) earlier.add(read);
    }
    return earlier;
  }

  #hold(keys: ReadonlySet<string>, isWrite: boolean, result: Promise<unknown>): void {
    for (const key of keys) {
      const line = this.#lines.get(key);
      if (isWrite) this.#lines.set(key, { write: result, reads: new Set() });
      else if (line === undefined) this.#lines.set(key, { write: undefined, reads: new Set([result]) });
      else line.reads.add(result);
    }
    const release = () => {
      for (const key of keys) this.#release(key, result);
    };
    result.then(release, release);
  }

  #release(key: string, result: Promise<unknown>): void {
    const line = this.#lines.get(key);
    if (line === undefined) return;
    if (line.write === result) line.write = undefined;
    line.reads.delete(result);
    if (line.write === undefined && line.reads.size === 0) this.#lines.delete(key);
  }
}
