/**
 * One Jest for all packages, in native ES modules (see the `test` script), so that the tests load
 * their dependencies the way that users do. Sources are tested; what `pnpm pack` makes of them is
 * tested by packages/keyv-dredis/test/package.test.ts.
 *
 * @type {import('jest').Config}
 */
export default {
  // Where two processors run four servers and all tests, starting a process can take seconds, and on a machine
  // that others load as well, many of them. No test is about this limit: it ends what would never end.
  testTimeout: 120_000,
  projects: ['hash-ring', 'redis-launcher', 'keyv-dredis'].map((name) => ({
    displayName: name,
    rootDir: `packages/${name}`,
    testMatch: ['<rootDir>/test/**/*.test.ts'],
    testEnvironment: 'node',
    ...(name === 'keyv-dredis' && {
      globalSetup: '<rootDir>/test/global-setup.ts',
      globalTeardown: '<rootDir>/test/global-teardown.ts',
    }),
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
      '^(hash-ring|redis-launcher|keyv-dredis)$': '<rootDir>/../$1/src/index.ts',
      // Sources name their neighbours as Node.js will find them after the build: `./x.js`.
      '^(\\.{1,2}/.*)\\.js$': '$1',
    },
  })),
};
