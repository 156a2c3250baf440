/** These get the shared servers of tests/support/servers.ts; the others start nothing. */
const WITH_SERVERS = new Set(['contract', 'integration', 'e2e']);

const project = (name) => ({
  displayName: name,
  rootDir: import.meta.dirname,
  cacheDirectory: '<rootDir>/.cache/jest',
  testMatch: [`<rootDir>/tests/${name}/**/*.test.ts`],
  ...(WITH_SERVERS.has(name) && {
    globalSetup: '<rootDir>/tests/support/global-setup.ts',
    globalTeardown: '<rootDir>/tests/support/global-teardown.ts',
  }),
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/.tributary', '<rootDir>/.cache'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
});

export default {
  projects: ['unit', 'simulation', 'contract', 'integration', 'replay', 'e2e', 'chaos'].map(project),
  testSequencer: './tests/support/sequencer.mjs',
  testTimeout: 120_000,
  // For two cores: what one suite waits for leaves a third of them idle.
  maxWorkers: 3,
};
