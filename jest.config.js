import { availableParallelism } from 'node:os';

const swc = [
  '@swc/jest',
  {
    module: { type: 'es6' },
    jsc: {
      parser: { syntax: 'typescript' },
      target: 'es2023',
      experimental: { keepImportAttributes: true },
    },
  },
];

const project = (name, extra = {}) => ({
  displayName: name,
  testEnvironment: '<rootDir>/test/support/environment.js',
  injectGlobals: false,
  extensionsToTreatAsEsm: ['.ts'],
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  transform: { '^.+\\.ts$': swc },
  ...extra,
});

/** The product is built once, and one broker started, for all tests of a run. */
const kafka = {
  globalSetup: '<rootDir>/test/support/setup.js',
  globalTeardown: '<rootDir>/test/support/kafka/teardown.js',
};

export default {
  // Many tests wait for processes and brokers rather than compute: more workers than cores.
  maxWorkers: Math.ceil(1.5 * availableParallelism()),
  testSequencer: '<rootDir>/test/support/sequencer.js',
  // A machine that is busy with something else is no failure.
  testTimeout: 30_000,
  projects: [
    project('unit'),
    project('contract', kafka),
    project('fault', kafka),
    project('integration', kafka),
  ],
  coverageProvider: 'v8',
  collectCoverageFrom: ['src/**/*.ts', 'topics/**/*.ts'],
};
