/** Longer than a test may take: whatever waits for it instead of failing fast fails its test. */
export const NEVER_IN_A_TEST_MS = 600_000;

/** For stores of tests that are not about deadlines: a machine under load may stand still for seconds. */
export const NO_DEADLINES = {
  connectTimeoutMs: NEVER_IN_A_TEST_MS,
  commandTimeoutMs: NEVER_IN_A_TEST_MS,
  disconnectTimeoutMs: NEVER_IN_A_TEST_MS,
};

/**
 * For tests that wait for a deadline which live servers have to keep to as well: as short as a machine under
 * load allows.
 */
export const DEADLINE_MS = 2000;
