/** Longer than a test may take, so a test that waits this long fails. */
export const NEVER_IN_A_TEST_MS = 600_000;

/** Store options for tests that are not about deadlines: a loaded machine may freeze for seconds. */
export const NO_DEADLINES = {
  connectTimeoutMs: NEVER_IN_A_TEST_MS,
  commandTimeoutMs: NEVER_IN_A_TEST_MS,
  disconnectTimeoutMs: NEVER_IN_A_TEST_MS,
};

/** A deadline that live servers also have to meet. It is as short as a loaded machine allows. */
export const DEADLINE_MS = 2000;
