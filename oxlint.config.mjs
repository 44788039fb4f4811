/**
 * Lint, and the one direction of imports:
 *
 *   core ← ports ← pipeline, ingest ← http, cli ← workers      adapters: ports, topics and core only
 *
 * Patterns match the text of an import's specifier. An override replaces a rule's options, hence the functions.
 */
const natural = { name: 'natural', message: 'Import natural/lib/natural/<folder>/index.js.' };
const imports = (group, message) => ({
  'no-restricted-imports': [
    'error',
    { paths: [natural], patterns: group.length ? [{ group, message }] : [] },
  ],
});
const outside = (...layers) => layers.map((layer) => `**/${layer}/**`);
/** Whatever talks to the outside; pure hashing and assertions are allowed. */
const io = [
  'kafkajs',
  '@photostructure/sqlite',
  'fastify',
  '@fastify/*',
  'commander',
  'csv-parse',
  'pino',
  'node:*',
  '!node:assert',
  '!node:assert/strict',
  '!node:crypto',
];
const sealed = (files, group, message, rules = {}) => ({
  files: [files],
  rules: { ...imports(group, message), ...rules },
});
const pure = {
  'no-restricted-globals': [
    'error',
    'Date',
    'process',
    'performance',
    'setTimeout',
    'setInterval',
    'setImmediate',
  ],
  'no-restricted-properties': [
    'error',
    { object: 'Math', property: 'random', message: 'Pass a seed.' },
  ],
};
const wiring = ['**/open-log.ts', '**/src/index.ts', '**/config.ts', '**/logger.ts'];
const others = {
  memory: ['sqlite', 'kafka'],
  sqlite: ['memory', 'kafka'],
  kafka: ['memory', 'sqlite'],
};

export default {
  plugins: ['typescript', 'unicorn', 'oxc', 'import', 'jest', 'promise', 'node'],
  categories: { correctness: 'error', suspicious: 'error' },
  rules: {
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/await-thenable': 'error',
    'typescript/switch-exhaustiveness-check': 'error',
    'typescript/consistent-type-imports': 'error',
    'typescript/no-explicit-any': 'error',
    'import/no-cycle': 'error',
    'import/no-named-as-default-member': 'off',
    'no-console': 'error',
    'no-await-in-loop': 'off',
    'no-underscore-dangle': 'off',
    // Arrays of known length are made at once on hot paths: one that grows by pushing ends up half empty.
    'unicorn/no-new-array': 'off',
    'node/no-process-env': 'error',
    ...imports([], ''),
  },
  overrides: [
    sealed('topics/**', [...outside('src', 'workers'), ...io], 'topics are contracts: zod only.'),
    sealed(
      'src/core/**',
      [
        ...outside('ports', 'pipeline', 'ingest', 'adapters', 'http', 'cli', 'workers', 'topics'),
        ...wiring,
        'zod',
        ...io,
      ],
      'core is pure.',
      pure,
    ),
    sealed(
      'src/ports/**',
      [...outside('pipeline', 'ingest', 'adapters', 'http', 'cli', 'workers'), ...wiring, ...io],
      'ports import types of core and topics.',
    ),
    sealed(
      'src/pipeline/**',
      // zlib for its CRC-32, a pure function.
      [...outside('ingest', 'adapters', 'http', 'cli', 'workers'), ...wiring, ...io, '!node:zlib'],
      'the pipeline talks to ports.',
      { 'no-restricted-properties': pure['no-restricted-properties'] },
    ),
    sealed(
      'src/ingest/**',
      [...outside('adapters', 'http', 'cli', 'workers'), ...wiring],
      'ingest turns files into records: core, ports and topics.',
    ),
    ...Object.entries(others).map(([own, rest]) =>
      sealed(
        `src/adapters/${own}/**`,
        [...outside('pipeline', 'ingest', 'http', 'cli', 'workers', ...rest), ...wiring],
        'an adapter knows its port and its driver.',
      ),
    ),
    sealed(
      'src/http/**',
      [...outside('adapters', 'cli', 'workers'), '**/open-log.ts'],
      'http serves ports.',
    ),
    sealed(
      'src/cli/**',
      [...outside('adapters', 'http', 'workers'), '**/open-log.ts'],
      'cli drives ports.',
    ),
    { files: ['src/config.ts', 'test/**', 'bench/**'], rules: { 'node/no-process-env': 'off' } },
    {
      files: ['bench/**', 'docs/**'],
      rules: { 'no-console': 'off', 'unicorn/consistent-function-scoping': 'off' },
    },
    {
      files: ['test/**'],
      rules: {
        'typescript/no-unsafe-type-assertion': 'off',
        'typescript/require-array-sort-compare': 'off',
        'typescript/no-unnecessary-type-parameters': 'off',
        'unicorn/consistent-function-scoping': 'off',
        'jest/no-conditional-expect': 'off',
        'jest/expect-expect': ['error', { assertFunctionNames: ['expect', 'expectSame'] }],
        // These wrap `test`.
        'jest/no-standalone-expect': [
          'error',
          { additionalTestBlockFunctions: ['testOn', 'testSet'] },
        ],
      },
    },
  ],
};
