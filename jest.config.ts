import type { Config } from 'jest';

type Project = NonNullable<Config['projects']>[number];

const project = (name: string): Project => ({
  displayName: name,
  rootDir: __dirname,
  testMatch: [`<rootDir>/tests/${name}/**/*.test.ts`],
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/.tributary', '<rootDir>/.cache'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
});

const config: Config = {
  projects: ['unit', 'contract', 'integration', 'replay', 'e2e'].map(project),
  cacheDirectory: '.cache/jest',
  testTimeout: 120_000,
  // Two cores are shared with the servers that the tests start.
  maxWorkers: 2,
};

export default config;
