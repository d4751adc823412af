/**
 * One Jest for all packages, in native ES modules (see the `test` script), so that the tests load
 * their dependencies the way that users do. Sources are tested; what `pnpm pack` makes of them is
 * tested by packages/keyv-dredis/test/package.
 */

/** Tests that need no Redis are named `*.unit.test.ts`, and run in a project of their own. */
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
        // Jest loads a global set-up as CommonJS, and it needs import() left alone to load modules.
        module: { type: 'es6', ignoreDynamic: true },
      },
    ],
  },
  moduleNameMapper: {
    // The workspace's own packages are tested from source: a test run needs no build.
    '^(hash-ring|redis-launcher|keyv-dredis)$': '<rootDir>/packages/$1/src/index.ts',
    // Sources name their neighbours as Node.js will find them after the build: `./x.js`.
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
};

/** Tests of one folder that need Redis. */
const withRedis = (displayName, folder) => ({
  ...common,
  displayName,
  roots: [`<rootDir>/${folder}/test`],
  testMatch: ['**/*.test.ts', `!${UNIT_TESTS}`],
});

/** @type {import('jest').Config} */
export default {
  // Where two processors run four servers and all tests, starting a process can take seconds, and on a machine
  // that others load as well, many of them. No test is about this limit: it ends what would never end.
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
