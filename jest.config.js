/**
 * One Jest configuration for all packages. The tests run as native ES modules (see the `test` script), so
 * that they load dependencies as users do. They import the sources, except for
 * packages/keyv-dredis/test/package, which tests the packed files.
 */

/**
 * Tests that do not need Redis. They are a separate Jest project, so that `pnpm test:unit` can run them
 * alone.
 */
const UNIT_TESTS = '**/*.unit.test.ts';

/** @type {import('jest').Config} */
const common = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        // Jest loads the global setup as CommonJS. CommonJS code can load ES modules only with
        // import(), so SWC must not replace import().
        module: { type: 'es6', ignoreDynamic: true },
      },
    ],
  },
  moduleNameMapper: {
    // Tests use the workspace packages' sources, so they need no build.
    '^(hash-ring|redis-launcher|keyv-dredis)$': '<rootDir>/packages/$1/src/index.ts',
    '^hash-ring/svg$': '<rootDir>/packages/hash-ring/src/svg.ts',
    '^keyv-dredis/hash-ring$': '<rootDir>/packages/hash-ring/src/index.ts',
    '^keyv-dredis/hash-ring/svg$': '<rootDir>/packages/hash-ring/src/svg.ts',
    // Sources import `./x.js`, which is the file's name after the build. Jest loads the source, `./x.ts`.
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
};

/** A project for a folder's tests, without the unit tests. */
const withRedis = (displayName, folder) => ({
  ...common,
  displayName,
  roots: [`<rootDir>/${folder}/test`],
  testMatch: ['**/*.test.ts', `!${UNIT_TESTS}`],
});

/** @type {import('jest').Config} */
export default {
  // This limit is only meant to stop tests that hang. Starting a process can take many seconds on a loaded
  // two-core machine.
  testTimeout: 120_000,
  // Most tests wait for servers and timeouts.
  maxWorkers: 3,
  projects: [
    {
      ...common,
      displayName: 'hash-ring',
      roots: ['<rootDir>/packages/hash-ring/test'],
      testMatch: ['**/*.test.ts'],
    },
    {
      ...common,
      displayName: 'unit',
      roots: ['<rootDir>/packages', '<rootDir>/tools'],
      testMatch: [UNIT_TESTS],
    },
    withRedis('redis-launcher', 'packages/redis-launcher'),
    {
      ...withRedis('keyv-dredis', 'packages/keyv-dredis'),
      globalSetup: '<rootDir>/packages/keyv-dredis/test/global-setup.ts',
      globalTeardown: '<rootDir>/packages/keyv-dredis/test/global-teardown.ts',
    },
    withRedis('tools', 'tools'),
  ],
};
