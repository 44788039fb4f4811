import { describe, expect, test } from '@jest/globals';
import { readDelta } from '../../../src/pipeline/delta-reader.ts';
import { FoldDriver, newState } from '../../support/fold-driver.ts';
import { changeDelta } from '../../support/delta-edit.ts';

const GT = { name: 'champion', kind: 'gtnb:bits=10', role: 'champion' } as const;

/** A delta of one labelled text. */
function oneText(kind: string): Uint8Array {
  const driver = new FoldDriver({ models: [{ ...GT, kind }] });
  driver.pipe({ id: 'a', text: 'good soup', label: 'positive' });
  return driver.deltas[0]!;
}

describe('a delta that keeps its checksum and lies', () => {
  test('about an id beyond the bits is damaged: it makes no table grow', () => {
    // The features of a larger table under the name of the smaller one.
    const lying = changeDelta(oneText('gtnb:bits=12'), (delta) => ({
      ...delta,
      models: delta.models.map((model) => ({ ...model, extractor: 'gt/2;ngrams=2;bits=10' })),
    }));
    const state = newState({ models: [GT] });
    const delta = readDelta(lying);
    expect(() => delta.taught(state.extractors)).toThrow('out of range');
  });

  test('about how many models a record was addressed to is damaged', () => {
    const lying = changeDelta(oneText('gtnb:bits=10'), (delta) => ({
      ...delta,
      events: delta.events.map((entry) =>
        entry.kind === 'text' ? { ...entry, answers: [...entry.answers, ...entry.answers] } : entry,
      ),
    }));
    const { extractors } = newState({ models: [GT] });
    expect(() => readDelta(lying).events(extractors)).toThrow('addresses more models');
  });
});
