/**
 * One Jest for all packages, in native ES modules (see the `test` script), so that the tests load
 * dependencies as users do. Tests import the sources; packages/keyv-dredis/test/package tests the packed
 * files.
 */

/** Tests without Redis. They are a project of their own, so that `pnpm test:unit` can run them alone. */
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
        // Jest loads the global setup as CommonJS, where only import() can load ES modules.
        module: { type: 'es6', ignoreDynamic: true },
      },
    ],
  },
  moduleNameMapper: {
    // Tests use the sources of the workspace packages, so they need no build.
    '^(hash-ring|redis-launcher|keyv-dredis)$': '<rootDir>/packages/$1/src/index.ts',
    // Sources import `./x.js`, the name after the build. Here the file is `./x.ts`.
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
};

/** A project for the tests of one folder that need Redis. */
const withRedis = (displayName, folder) => ({
  ...common,
  displayName,
  roots: [`<rootDir>/${folder}/test`],
  testMatch: ['**/*.test.ts', `!${UNIT_TESTS}`],
});

/** @type {import('jest').Config} */
export default {
  // Only stops tests that hang. On a loaded machine with two cores, starting a process can take many seconds.
  testTimeout: 120_000,
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
