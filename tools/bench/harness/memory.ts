const SAMPLE_MS = 5;

/**
 * Runs `work` and returns the highest memory of V8's heap and its buffers meanwhile, in megabytes. It includes garbage.
 * Resident memory would not do: a process keeps what it allocated at its start, which hides later growth.
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
