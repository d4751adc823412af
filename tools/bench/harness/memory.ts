const SAMPLE_MS = 5;

/**
 * Runs `work` and returns the peak size of V8's heap and buffers in megabytes. The size includes garbage.
 * Resident memory would hide growth, because a process keeps and reuses memory that it needed only at
 * startup.
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
