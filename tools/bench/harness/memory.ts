const SAMPLE_MS = 5;

/**
 * Runs `work` and tells what memory V8 and its buffers held at most meanwhile, in megabytes, garbage included.
 * (Resident memory says less: what a process used to start it keeps, and grows into unseen.)
 */
export async function peakMbWhile(work: () => Promise<void>): Promise<number> {
  globalThis.gc?.();
  let highest = 0;
  const sample = () => {
    const { heapUsed, external } = process.memoryUsage();
    highest = Math.max(highest, heapUsed + external);
  };
  const timer = setInterval(sample, SAMPLE_MS);
  try {
    sample();
    await work();
    sample();
  } finally {
    clearInterval(timer);
  }
  return highest / 1e6;
}
