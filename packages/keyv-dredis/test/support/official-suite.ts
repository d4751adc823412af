import { afterEach, beforeEach, expect, it } from '@jest/globals';

interface TestContext {
  readonly expect: typeof expect;
}

/**
 * Stands in for the Vitest that @keyv/test-suite expects: its tests take `expect` from their first argument,
 * and Jest passes a `done` callback to any test function with a parameter.
 */
export const jestAsVitest = {
  it: (name: string, test: (context: TestContext) => unknown) =>
    it(name, async () => void (await test({ expect }))),
  beforeEach,
  afterEach,
};
