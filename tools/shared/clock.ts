/**
 * Milliseconds since the machine started. All processes on the machine share this clock, and it never goes
 * backward: libuv's uv__hrtime reads CLOCK_MONOTONIC on Linux and mach_continuous_time() on macOS.
 */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
