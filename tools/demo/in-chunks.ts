import { progressBar } from '../terminal/terminal.js';

/** Processes keys chunk by chunk and shows a progress bar. @returns the duration in milliseconds */
export async function inChunks(
  label: string,
  keys: readonly string[],
  chunkSize: number,
  processChunk: (chunk: readonly string[]) => Promise<void>,
): Promise<number> {
  const bar = progressBar(`${label} {bar} {percentage} %  {value} of {total} keys`);
  bar.start(keys.length, 0);
  const startedAt = performance.now();
  try {
    for (let from = 0; from < keys.length; from += chunkSize) {
      const chunk = keys.slice(from, from + chunkSize);
      await processChunk(chunk);
      bar.increment(chunk.length);
    }
  } finally {
    bar.stop();
  }
  return performance.now() - startedAt;
}
