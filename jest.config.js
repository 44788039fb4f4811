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
  testEnvironment: 'node',
  injectGlobals: false,
  extensionsToTreatAsEsm: ['.ts'],
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  transform: { '^.+\\.ts$': swc },
  ...extra,
});

export default {
  projects: [
    project('unit'),
    project('contract'),
    project('fault', { globalSetup: '<rootDir>/test/support/build.js' }),
    project('integration', { globalSetup: '<rootDir>/test/support/build.js' }),
  ],
  coverageProvider: 'v8',
  collectCoverageFrom: ['src/**/*.ts', 'topics/**/*.ts'],
};
