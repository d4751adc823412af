import { afterEach, beforeEach, expect, it } from '@jest/globals';

interface TestContext {
  readonly expect: typeof expect;
}

/**
 * What @keyv/test-suite takes for Vitest: its tests want `expect` handed in, and Jest's `it` hands
 * in a `done` callback to any function that declares a parameter.
 */
export const jestAsVitest = {
  it: (name: string, test: (context: TestContext) => unknown) =>
    it(name, async () => void (await test({ expect }))),
  beforeEach,
  afterEach,
};
