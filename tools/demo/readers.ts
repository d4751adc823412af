/** What readers saw. */
export interface ReadCounts {
  reads: number;
  hits: number;
  misses: number;
  /** Values that differ from the written ones. */
  wrong: number;
}

/**
 * Reads random keys, one after another per reader, until the work is done.
 *
 * @param expected the written values
 */
export async function readDuring<Result>(
  { get, expected, readerCount }: Readers,
  work: () => Promise<Result>,
): Promise<{ result: Result; counts: ReadCounts; ms: number }> {
  const keys = [...expected.keys()];
  const counts: ReadCounts = { reads: 0, hits: 0, misses: 0, wrong: 0 };
  let isDone = false;
  const reader = async () => {
    while (!isDone) {
      const key = keys[Math.floor(Math.random() * keys.length)] as string;
      const value = await get(key);
      counts.reads += 1;
      if (value === undefined) counts.misses += 1;
      else counts.hits += 1;
      if (value !== undefined && value !== expected.get(key)) counts.wrong += 1;
    }
  };
  const startedAt = performance.now();
  const readers = Array.from({ length: readerCount }, reader);
  try {
    const result = await work();
    return { result, counts, ms: performance.now() - startedAt };
  } finally {
    isDone = true;
    await Promise.all(readers);
  }
}

interface Readers {
  readonly get: (key: string) => Promise<string | undefined>;
  readonly expected: ReadonlyMap<string, string>;
  readonly readerCount: number;
}
