/**
 * Milliseconds on one clock that all processes of this machine share and that never goes back: CLOCK_MONOTONIC on
 * Linux, mach_continuous_time() on macOS (see libuv's uv__hrtime), both counted from the machine's start.
 */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
