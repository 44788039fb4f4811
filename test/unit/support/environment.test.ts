import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { variable } from '../../support/environment.ts';

const NAMES = ['VALENCE_PYTHON', 'VALENCE_DATA'] as const;

describe('variables that are empty', () => {
  const before = new Map<string, string | undefined>();
  beforeEach(() => {
    for (const name of NAMES) {
      before.set(name, process.env[name]);
      process.env[name] = '';
    }
  });
  afterEach(() => {
    for (const [name, value] of before)
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  });

  test('count as not set', () => {
    expect(variable('VALENCE_DATA')).toBeUndefined();
    process.env['VALENCE_DATA'] = '/data';
    expect(variable('VALENCE_DATA')).toBe('/data');
  });

  test('leave benchmarks their defaults', async () => {
    const { PYTHON } = await import('../../../bench/river.ts');
    const { DATA } = await import('../../../bench/data.ts');
    expect([PYTHON, DATA]).toEqual(['python3', expect.stringMatching(/shared.data$/)]);
  });
});
