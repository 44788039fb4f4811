import { describe, expect, test } from '@jest/globals';
import { EXAMPLES, SOURCE_EXAMPLES } from '../../../topics/examples.ts';
import { LabelRecord, SourceValue, TextRecord } from '../../../topics/index.ts';
import { broken, refusals, requiredFields, WRONG } from './broken.ts';

const TEXT = EXAMPLES.TextRecord[0].payload;
const LABEL = EXAMPLES.LabelRecord[0].payload;

describe('text records', () => {
  test.each([
    { text: 'only a text' },
    { text: '' },
    { id: 17, text: 'a number as id', label: 1, ts: 1_772_359_200 },
    { id: 'a', text: 'a boolean as label', label: true },
    { id: '', text: 'an empty id and label', label: '' },
    { id: null, text: 'nulls', label: null, ts: null, attributes: null, model: null },
    { id: 'x'.repeat(256), text: 'longest', label: 'y'.repeat(64), ts: 'z'.repeat(64) },
    { id: '__proto__', text: 'constructor', label: '__proto__', model: 'toString' },
  ])('are taken as they come: $text', (value) => {
    expect(TextRecord.parse(value)).toEqual(value);
  });

  test('the text is all that is needed', () => {
    expect(requiredFields(TextRecord, TEXT as object)).toEqual(['text']);
  });

  test.each(['id', 'text', 'label', 'model'])(
    '%s of another kind is refused and named',
    (field) => {
      expect(refusals(TextRecord, broken(TEXT, field, WRONG))).toEqual([field]);
    },
  );

  test.each([
    ['id', 'x'.repeat(257)],
    ['label', 'x'.repeat(65)],
    ['model', 'x'.repeat(65)],
    ['text', null],
  ])('%s beyond its bound is refused and named', (field, value) => {
    expect(refusals(TextRecord, broken(TEXT, field, value))).toEqual([field]);
  });

  test.each(['none', 'x'.repeat(65), {}, true])(
    'attributes and ts of another kind are dropped: they are never needed',
    (other) => {
      const attributes = typeof other === 'object' ? [] : other;
      const ts = other === 'none' ? [] : other;
      expect(TextRecord.parse({ text: 'a', attributes, ts })).toEqual({ text: 'a' });
      expect(LabelRecord.parse({ id: 'a', label: null, ts })).toEqual({ id: 'a', label: null });
    },
  );
});

describe('label records', () => {
  test.each([
    { id: 'a', label: 'positive' },
    { id: 1, label: 0 },
    { id: 'a', label: false, ts: 5, model: 'cnb' },
    { id: 'a', label: null },
  ])('are taken as they come: %j', (value) => {
    expect(LabelRecord.parse(value)).toEqual(value);
  });

  test('need the id of the text and a label, if only null', () => {
    expect(requiredFields(LabelRecord, LABEL as object)).toEqual(['id', 'label']);
  });

  test.each(['id', 'label', 'model'])('%s of another kind is refused and named', (field) => {
    expect(refusals(LabelRecord, broken(LABEL, field, WRONG))).toEqual([field]);
  });

  test('a label cannot be for no text', () => {
    expect(refusals(LabelRecord, { id: null, label: 'positive' })).toEqual(['id']);
  });
});

describe('source values', () => {
  test.each(SOURCE_EXAMPLES)('hold the example %j', (value) => {
    expect(SourceValue.parse(value)).toEqual(value);
  });

  test('unknown fields are ignored: the topic may be someone else’s', () => {
    const value = { id: 'a', text: 'b', stars: 5, user: { name: 'c' } };
    expect(SourceValue.parse(value)).toEqual({ id: 'a', text: 'b' });
    expect(SourceValue.parse({ id: 'a', label: 'c', stars: 5 })).toEqual({ id: 'a', label: 'c' });
  });

  test.each([null, 5, 'text', [], {}, { id: 'a' }, { label: 'positive' }])(
    'are neither text nor label: %j',
    (value) => {
      expect(SourceValue.safeParse(value).success).toBe(false);
    },
  );

  test('a field named __proto__ is no way to set other fields', () => {
    const text: unknown = JSON.parse('{"text":"a","__proto__":{"label":"evil","id":"evil"}}');
    const parsed = TextRecord.parse(text);
    expect(parsed.label).toBeUndefined();
    expect(parsed.id).toBeUndefined();
    const label: unknown = JSON.parse('{"__proto__":{"id":"a","label":"evil"}}');
    expect(refusals(LabelRecord, label)).toEqual(['id', 'label']);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  test('attributes named like parts of an object are words', () => {
    const value: unknown = JSON.parse(
      '{"text":"a","attributes":{"constructor":"b","toString":"c","__proto__":{"store":"evil"}}}',
    );
    const { attributes } = TextRecord.parse(value);
    expect(attributes).toMatchObject({ constructor: 'b', toString: 'c' });
    expect(attributes?.['store']).toBeUndefined();
  });
});
