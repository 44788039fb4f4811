import { describe, expect, test } from '@jest/globals';
import { COMMAND_NAMES, settingsOf } from '../../src/config.ts';
import {
  explainConfig,
  resolveConfig,
  strayVariables,
  type Sources,
} from '../../src/config-sources.ts';
import { durationText, nearest } from '../../src/config-values.ts';

const none: Sources = { flags: {}, environment: {} };

function problemsOf(act: () => unknown): { code: unknown; lines: readonly string[] } {
  try {
    act();
  } catch (error) {
    const { code, message } = error as { code: unknown; message: string };
    return { code, lines: message.split('\n') };
  }
  return { code: undefined, lines: [] };
}

describe('the settings table', () => {
  test('every flag has the variable VALENCE_ and its own name, without exception', () => {
    for (const command of COMMAND_NAMES)
      for (const { flag, variable } of settingsOf(command)) {
        expect(flag).toMatch(/^--[a-z]+(?:-[a-z]+)*$/);
        expect(variable).toBe(`VALENCE_${flag.slice(2).replaceAll('-', '_').toUpperCase()}`);
      }
  });

  test('no command has two settings of one flag', () => {
    for (const command of COMMAND_NAMES) {
      const flags = settingsOf(command).map(({ flag }) => flag);
      expect(flags).toEqual([...new Set(flags)]);
    }
  });

  test('the defaults of subscribe are those of the contract', () => {
    expect(resolveConfig('subscribe', none).config).toMatchObject({
      log: 'sqlite:.valence/sentiment.db',
      pipeline: 'sentiment',
      model: 'gtnb',
      metricsEvery: 100,
      window: 500,
      explain: 0,
      labels: ['negative', 'positive'],
      pendingMax: 100_000,
      pendingTtl: 604_800_000,
      maxClasses: 32,
      untilEnd: false,
    });
    expect(resolveConfig('start', none).config.explain).toBe(3);
  });
});

describe('precedence', () => {
  const sources: Sources = {
    flags: { window: '11' },
    environment: { VALENCE_WINDOW: '12', VALENCE_EXPLAIN: '12' },
    envFile: {
      path: 'prod.env',
      variables: { VALENCE_WINDOW: '13', VALENCE_EXPLAIN: '13', VALENCE_METRICS_EVERY: '13' },
    },
    file: {
      path: 'valence.json',
      content: { window: 14, explain: 14, 'metrics-every': 14, maxClasses: 14 },
    },
  };

  test('a flag beats the environment beats the env file beats the file beats the default', () => {
    const { config, origins } = resolveConfig('subscribe', sources);
    expect(config).toMatchObject({
      window: 11,
      explain: 12,
      metricsEvery: 13,
      maxClasses: 14,
      pendingMax: 100_000,
    });
    expect(
      ['window', 'explain', 'metricsEvery', 'maxClasses', 'pendingMax'].map((key) =>
        origins.get(key),
      ),
    ).toEqual([
      '--window',
      'VALENCE_EXPLAIN',
      'VALENCE_METRICS_EVERY in prod.env',
      'max-classes in valence.json',
      'default',
    ]);
  });

  test('an empty variable counts as not set', () => {
    const environment = { VALENCE_WINDOW: ' ' };
    expect(resolveConfig('subscribe', { flags: {}, environment }).origins.get('window')).toBe(
      'default',
    );
  });

  test('the default log is named after the pipeline', () => {
    const { config } = resolveConfig('tail', { ...none, flags: { pipeline: 'reviews' } });
    expect(config.log).toBe('sqlite:.valence/reviews.db');
  });
});

describe('several values', () => {
  const of = (sources: Partial<Sources>) =>
    resolveConfig('subscribe', { ...none, ...sources }).config;

  test('lists are parted by commas from a flag, a variable or a file', () => {
    expect(of({ flags: { labels: ['bad, so-so', 'good'] } }).labels).toEqual([
      'bad',
      'so-so',
      'good',
    ]);
    expect(of({ environment: { VALENCE_LABELS: '1,2,3' } }).labels).toEqual(['1', '2', '3']);
    expect(of({ file: { path: 'f', content: { labels: [1, 2, 3] } } }).labels).toEqual([
      '1',
      '2',
      '3',
    ]);
  });

  test('challengers, whose kinds hold commas, are parted by newlines in the environment', () => {
    const VALENCE_CHALLENGER = 'a=multinomial:alpha=2,max-features=9\nb=complement';
    expect(of({ environment: { VALENCE_CHALLENGER } }).challengers).toEqual([
      ['a', 'multinomial:alpha=2,max-features=9'],
      ['b', 'complement'],
    ]);
  });

  test('thresholds are parted by commas in the environment, never in a flag', () => {
    const rules = 'rolling.accuracy>=0.6,cumulative.logLoss<=1';
    expect(
      of({ environment: { VALENCE_THRESHOLD: rules } }).thresholds.map(({ rule }) => rule),
    ).toEqual(['rolling.accuracy>=0.6', 'cumulative.logLoss<=1']);
    const commaClass = 'rolling.f1.so,so>=0.6';
    expect(of({ flags: { thresholds: [commaClass] } }).thresholds).toMatchObject([
      { rule: commaClass },
    ]);
  });

  test('a label map may be an object in the file', () => {
    const content = { 'label-map': { 4: 'positive', 0: 'negative' } };
    expect(of({ file: { path: 'f', content } }).labelMap).toEqual([
      ['0', 'negative'],
      ['4', 'positive'],
    ]);
  });
});

test.each([
  ['7d', 604_800_000],
  ['12h', 43_200_000],
  ['90m', 5_400_000],
  ['30s', 30_000],
  ['1.5s', 1500],
  ['250', 250],
])('a duration of %s is %d ms', (given, ms) => {
  const flags = { pendingTtl: given };
  expect(resolveConfig('subscribe', { ...none, flags }).config.pendingTtl).toBe(ms);
});

test('a duration is written in the largest unit that divides it', () => {
  expect([604_800_000, 5_400_000, 1500].map(durationText)).toEqual(['7d', '90m', '1500ms']);
});

describe('what is wrong', () => {
  test('is said all at once, each with where it stands and what was expected', () => {
    const { code, lines } = problemsOf(() =>
      resolveConfig('subscribe', {
        flags: { window: '9', model: 'gtbn', challengers: ['champion=complement'] },
        environment: { VALENCE_PENDING_TTL: 'soon', VALENCE_JSON: 'ja' },
        file: { path: 'v.json', content: { metricsEvry: 5 } },
      }),
    );
    expect(code).toBe('CONFIG_INVALID');
    expect(lines).toHaveLength(6);
    expect(lines).toEqual(
      expect.arrayContaining([
        "v.json: no setting is called 'metricsEvry'. Did you mean metrics-every?",
        "--window: expected an integer between 10 and 1000000, got '9'",
        "VALENCE_JSON: expected true or false, got 'ja'",
        expect.stringMatching(/^--model: No model named 'gtbn'; there are: gtnb, multinomial, /),
        expect.stringMatching(/^--challenger: .*not 'champion'/),
        expect.stringMatching(/^VALENCE_PENDING_TTL: expected a duration .* got 'soon'$/),
      ]),
    );
  });

  test('more classes than --max-classes', () => {
    const flags = { labels: ['a,b,c'], maxClasses: '2' };
    expect(problemsOf(() => resolveConfig('subscribe', { ...none, flags })).lines).toEqual([
      '--labels: 3 classes are more than --max-classes 2',
    ]);
  });

  test('delayed labels that are left out', () => {
    const flags = { labelDelay: '5', skipLabels: true };
    expect(problemsOf(() => resolveConfig('publish', { ...none, flags })).code).toBe(
      'CONFIG_INVALID',
    );
  });

  test('a setting of another command does not matter', () => {
    const environment = { VALENCE_WINDOW: 'wide' };
    expect(resolveConfig('tail', { flags: {}, environment }).config.pipeline).toBe('sentiment');
  });

  test('a secret in a URL is never repeated', () => {
    const environment = { VALENCE_LOG: 'KAFKA//user:hunter2@broker' };
    const { lines } = problemsOf(() => resolveConfig('tail', { flags: {}, environment }));
    expect(lines.join('\n')).toMatch(/^VALENCE_LOG: /);
    expect(lines.join('\n')).not.toContain('hunter2');
  });
});

describe('explainConfig', () => {
  test('gives each value, its origin and the commands that use it', () => {
    const rows = explainConfig({ flags: {}, environment: { VALENCE_WINDOW: '50' } });
    expect(rows.find(({ key }) => key === 'window')).toEqual({
      key: 'window',
      flag: '--window',
      variable: 'VALENCE_WINDOW',
      value: '50',
      origin: 'VALENCE_WINDOW',
      commands: ['start', 'subscribe', 'verify', 'model hash', 'model rebuild'],
    });
    expect(
      rows.filter(({ key }) => key === 'explain').map(({ value, commands }) => [value, commands]),
    ).toEqual([
      ['3', ['start']],
      ['0', ['subscribe', 'verify']],
    ]);
  });

  test('masks the secret of a URL', () => {
    const environment = { VALENCE_LOG: 'kafka://user:hunter2@broker:9092' };
    const log = explainConfig({ flags: {}, environment }).find(({ key }) => key === 'log');
    expect(log?.value).toBe('kafka://user:****@broker:9092');
  });
});

test('a variable that is nearly a setting is named', () => {
  expect(strayVariables({ VALENCE_WINDOWS: '5', VALENCE_DATA_ROOT: '/', PATH: '' })).toEqual([
    'VALENCE_WINDOWS is no setting. Did you mean VALENCE_WINDOW?',
  ]);
});

test('nearest gives close words first and leaves out far ones', () => {
  expect(nearest('windw', ['wind', 'window', 'widow', 'model'])).toEqual([
    'wind',
    'window',
    'widow',
  ]);
});
