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
  projects: [project('unit'), project('contract'), project('fault'), project('integration')],
  coverageProvider: 'v8',
  collectCoverageFrom: ['src/**/*.ts', 'topics/**/*.ts'],
};
