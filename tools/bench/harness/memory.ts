const SAMPLE_MS = 5;

/**
 * Runs `work` and returns the peak size of V8's heap and its buffers, in megabytes, including garbage.
 * Resident memory would hide growth: a process keeps the memory that it needed at its start, and reuses it.
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
