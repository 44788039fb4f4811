import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createModel } from '../../../../src/core/models/registry.ts';
import {
  decodeSnapshot,
  encodeSnapshot,
  modelHash,
  restoreModel,
} from '../../../../src/core/models/snapshot.ts';
import { createExtractor } from '../../../../src/core/text/extractor.ts';

const KINDS = ['multinomial', 'complement', 'bernoulli', 'majority', 'no-change'];
const CLASSES = ['negative', 'positive'];
const refusal = expect.objectContaining({ code: 'SNAPSHOT_CORRUPT' });

const words = fc.constantFrom(
  'good',
  'bad',
  'food',
  '__proto__',
  'constructor',
  'toString',
  '日本',
);
const text = fc.array(words, { maxLength: 6 }).map((list) => list.join(' '));
const label = fc.constantFrom('negative', 'positive', '__proto__', 'constructor');
const lessons = fc.array(fc.tuple(text, label), { maxLength: 20 });

function taught(kind: string, list: readonly (readonly [string, string])[]) {
  const extractor = createExtractor('river');
  const model = createModel(kind, extractor, CLASSES);
  for (const [offset, [document, y]] of list.entries()) {
    extractor.extract(document);
    model.learn(extractor.keep(), y, { partition: 0, offset });
  }
  return { extractor, model };
}

const EXAMPLE = [
  ['good food', 'positive'],
  ['bad __proto__', 'negative'],
] as const;

describe.each(KINDS)('%s', (kind) => {
  test('restored from its text answers as before, bit for bit, and goes on learning alike', () => {
    fc.assert(
      fc.property(lessons, lessons, (before, after) => {
        const { extractor, model } = taught(kind, before);
        const read = decodeSnapshot(encodeSnapshot(model.snapshot()));
        const other = createExtractor('river');
        other.intern('unrelated'); // so that ids differ
        const copy = restoreModel(read, other, CLASSES);
        expect(copy.kind).toBe(model.kind);
        expect(copy.snapshot()).toEqual(model.snapshot());
        for (const [offset, [document, y]] of after.entries()) {
          const sight = { partition: 0, offset: before.length + offset };
          expect(copy.predict(other.extract(document))).toEqual(
            model.predict(extractor.extract(document)),
          );
          copy.learn(other.keep(), y, sight);
          model.learn(extractor.keep(), y, sight);
        }
        expect(modelHash(copy)).toBe(modelHash(model));
      }),
    );
  });
});

describe('the hash of a model', () => {
  test('does not depend on the order of the documents', () => {
    fc.assert(
      fc.property(
        lessons.chain((list) =>
          fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
        ),
        ([list, shuffled]) => {
          expect(modelHash(taught('multinomial', shuffled).model)).toBe(
            modelHash(taught('multinomial', list).model),
          );
        },
      ),
    );
  });

  test('is this for the example', () => {
    expect(modelHash(taught('multinomial', EXAMPLE).model)).toBe(
      '3b1f5fc25fc0d196dedb38e69945996e5207214e3c94557d145e38c20102acb8',
    );
  });

  test('depends on kind, label, count and term', () => {
    const hashes = [
      taught('multinomial', EXAMPLE),
      taught('complement', EXAMPLE),
      taught('multinomial:alpha=2', EXAMPLE),
      taught('multinomial', [['good food', 'positive']]),
      taught('multinomial', [['good food', 'negative']]),
      taught('multinomial', [['good good', 'positive']]),
      taught('multinomial', [['goods food', 'positive']]),
    ].map(({ model }) => modelHash(model));
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});

describe('the text of a snapshot', () => {
  const snapshot = taught('multinomial', EXAMPLE).model.snapshot();
  const written = encodeSnapshot(snapshot);

  test('holds terms in order with their counts, and the classes by first sight', () => {
    expect(JSON.parse(written)).toMatchObject({
      snapshot: {
        format: 'valence-model',
        version: 1,
        kind: 'multinomial:alpha=1',
        extractor: 'river/1',
        classes: [
          { label: 'positive', documents: 1, firstSight: { partition: 0, offset: 0 } },
          { label: 'negative', documents: 1, firstSight: { partition: 0, offset: 1 } },
        ],
        features: [
          ['__proto__', 0, 1],
          ['bad', 0, 1],
          ['food', 1, 0],
          ['good', 1, 0],
        ],
      },
    });
  });

  test('is read back whatever its white space, with declared classes or without', () => {
    expect(decodeSnapshot(JSON.stringify(JSON.parse(written), null, 2))).toEqual(snapshot);
    const declared = ['negative', 'neutral', 'positive'];
    const exported = { ...snapshot, declared };
    expect(decodeSnapshot(encodeSnapshot(exported))).toEqual(exported);
  });

  test.each([
    ['no JSON', written.slice(0, -10)],
    ['another type', '[]'],
    ['null', 'null'],
    ['a count that was changed', written.replace('["good",1,0]', '["good",2,0]')],
    ['a checksum that was changed', written.replace(/"checksum":"./, '"checksum":"x')],
    ['no checksum', written.replace('"checksum"', '"check"')],
    ['another field', written.replace('"version"', '"extra":1,"version"')],
    ['a field twice under __proto__', written.replace('"version"', '"__proto__":{},"version"')],
    ['a newer version', written.replace('"version":1', '"version":2')],
    ['another format', written.replace('valence-model', 'pickle')],
  ])('is refused with %s', (_, changed) => {
    expect(changed).not.toBe(written);
    expect(() => decodeSnapshot(changed)).toThrow(refusal);
  });

  test.each([
    ['a negative count', { features: [['good', -1, 1]] }],
    ['a count that is no number', { features: [['good', '1', 1]] }],
    ['a count missing', { features: [['good', 1]] }],
    ['no count above 0', { features: [['good', 0, 0]] }],
    ['a term that is no string', { features: [[7, 1, 0]] }],
    [
      'terms out of order',
      {
        features: [
          ['good', 1, 0],
          ['bad', 1, 0],
        ],
      },
    ],
    [
      'a term twice',
      {
        features: [
          ['bad', 1, 0],
          ['bad', 1, 0],
        ],
      },
    ],
    ['a label twice', { classes: [snapshot.classes[0], snapshot.classes[0]] }],
    [
      'documents below 0',
      { classes: [{ ...snapshot.classes[0], documents: -1 }, snapshot.classes[1]] },
    ],
    ['no sight', { classes: [{ ...snapshot.classes[0], firstSight: null }, snapshot.classes[1]] }],
    ['a kind that is no string', { kind: 7 }],
    ['declared classes that are no list', { declared: 'negative,positive' }],
    ['one declared class', { declared: ['positive'] }],
    ['a declared class twice', { declared: ['negative', 'positive', 'negative'] }],
    ['a declared class that is no string', { declared: ['negative', 1] }],
  ])('is refused with %s even under a right checksum', (_, change) => {
    const forged = encodeSnapshot({ ...snapshot, ...change } as unknown as typeof snapshot);
    expect(() => decodeSnapshot(forged)).toThrow(refusal);
  });

  test('is refused by another analyzer and by a vocabulary that is too small', () => {
    const mismatch = expect.objectContaining({ code: 'MODEL_MISMATCH' });
    expect(() => restoreModel(snapshot, createExtractor('river:stop=en'), [])).toThrow(mismatch);
    expect(() => restoreModel(snapshot, createExtractor('river', { maxFeatures: 3 }), [])).toThrow(
      mismatch,
    );
  });
});
