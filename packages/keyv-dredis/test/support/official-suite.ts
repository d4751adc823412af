import { afterEach, beforeEach, expect, it } from '@jest/globals';

interface TestContext {
  readonly expect: typeof expect;
}

/**
 * Replaces Vitest, which @keyv/test-suite expects. The suite's tests take `expect` from their first argument.
 * Jest would pass a `done` callback instead, so each test is wrapped in a function without parameters.
 */
export const jestAsVitest = {
  it: (name: string, test: (context: TestContext) => unknown) =>
    it(name, async () => void (await test({ expect }))),
  beforeEach,
  afterEach,
};
