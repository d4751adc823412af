const SAMPLE_MS = 5;

/** Runs `work` and tells by how many megabytes the process' resident memory grew meanwhile, at its highest. */
export async function peakMbWhile(work: () => Promise<void>): Promise<number> {
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  let highest = before;
  const sample = () => {
    highest = Math.max(highest, process.memoryUsage.rss());
  };
  const timer = setInterval(sample, SAMPLE_MS);
  try {
    await work();
    sample();
  } finally {
    clearInterval(timer);
  }
  return (highest - before) / 1e6;
}
