import { describe, expect, test } from '@jest/globals';
import { crc32 } from 'node:zlib';
import { ByteWriter } from '../../../src/core/codec/bytes.ts';
import { DELTA_MAGIC } from '../../../src/pipeline/delta.ts';
import { readDelta } from '../../../src/pipeline/delta-reader.ts';
import { FoldDriver, newState } from '../../support/fold-driver.ts';
import { changeDelta, TermNumbers } from '../../support/delta-edit.ts';

const GT = { name: 'champion', kind: 'gtnb:bits=10', role: 'champion' } as const;

/** A delta of one labelled text. */
function oneText(kind: string): Uint8Array {
  const driver = new FoldDriver({ models: [{ ...GT, kind }] });
  driver.pipe({ id: 'a', text: 'good soup', label: 'positive' });
  return driver.deltas[0]!;
}

/**
 * A delta of one model of River, by hand: what it says of its counts need not be so.
 *
 * @param rows how many it claims
 * @param body bytes behind that number, which are all zero
 */
function claiming(classes: number, rows: number, body: number): Uint8Array {
  const { first, second, version } = DELTA_MAGIC;
  const out = new ByteWriter();
  for (const byte of [first, second, version]) out.byte(byte);
  out.string('p');
  // Partition, epoch, from and to; nothing seen of others; the labels.
  for (const value of [0, 1, 0, 1, 0, 1]) out.varint(value);
  out.string('positive');
  // One extractor without types, whose only feature has a name; no name of a hashed one.
  out.varint(1);
  out.string('river');
  for (const value of [0, 0, 1]) out.varint(value);
  out.string('good');
  for (const value of [0, 1]) out.varint(value);
  out.string('champion');
  out.string('multinomial:alpha=1');
  for (const value of [1, 1]) out.varint(value);
  const counts = new ByteWriter();
  counts.varint(classes);
  // The first label, no document, never met.
  for (let byte = 0; byte < 3 * classes; byte++) counts.byte(0);
  counts.varint(rows);
  for (let byte = 0; byte < body; byte++) counts.byte(0);
  out.varint(counts.length);
  out.bytes(counts.view());
  // No events.
  out.varint(1);
  out.byte(0);
  out.uint32(crc32(out.view()));
  return out.toBytes();
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

  test('about how many rows of how many classes it holds is refused before there is room for them', () => {
    // Two rows of three classes take eight bytes, and the model has no calibrator.
    const [honest] = readDelta(claiming(3, 2, 2 * (1 + 3) + 1)).taught(new TermNumbers());
    expect([honest?.delta.ids.length, honest?.delta.counts.length]).toEqual([2, 6]);
    const cut = readDelta(claiming(3, 3, 2 * (1 + 3) + 1));
    expect(() => cut.taught(new TermNumbers())).toThrow('holds a list longer than itself');
    // Each number alone is less than the bytes that follow; their product is 80 GB of counts.
    const many = 100_000;
    const small = claiming(many, many, many);
    expect(small.length).toBeLessThan(500_000);
    const huge = readDelta(small);
    expect(() => huge.taught(new TermNumbers())).toThrow('holds a list longer than itself');
  });
});
