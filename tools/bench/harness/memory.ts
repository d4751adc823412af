const SAMPLE_MS = 5;
/** For work that takes seconds. */
const SLOW_SAMPLE_MS = 50;

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

/** Runs `work` and returns the same sizes with their times, as milliseconds since the start. */
export async function mbWhile(
  work: () => Promise<void>,
): Promise<readonly { readonly ms: number; readonly mb: number }[]> {
  globalThis.gc?.();
  const startedAt = performance.now();
  const samples: { ms: number; mb: number }[] = [];
  const timer = setInterval(() => {
    const { heapUsed, external } = process.memoryUsage();
    samples.push({ ms: performance.now() - startedAt, mb: (heapUsed + external) / 1e6 });
  }, SLOW_SAMPLE_MS);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return samples;
}
