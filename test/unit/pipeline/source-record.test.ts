import { describe, expect, test } from '@jest/globals';
import { readSourceRecord, wellFormed } from '../../../src/pipeline/source-record.ts';
import type { LogRecord } from '../../../src/ports/event-log.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const record = (
  value: string | Uint8Array | null,
  headers: readonly (readonly [string, string])[] = [],
): LogRecord => ({
  topic: 'reviews',
  partition: 2,
  offset: 7,
  timestamp: 1_700_000_000_000,
  key: null,
  value: typeof value === 'string' ? bytes(value) : value,
  headers: headers.map(([name, text]) => [name, bytes(text)]),
});
const read = (value: unknown, headers?: readonly (readonly [string, string])[]) =>
  readSourceRecord(record(JSON.stringify(value), headers));

describe('a text record', () => {
  test('is what has a text; unknown fields are ignored', () => {
    expect(
      read({ id: 'r-17', text: 'Crust is not good.', label: 'negative', ts: '2026-03-01', x: 1 }),
    ).toEqual({
      kind: 'text',
      id: 'r-17',
      text: 'Crust is not good.',
      label: 'negative',
      weight: 16,
      ts: '2026-03-01',
      model: undefined,
    });
  });

  test.each([[undefined], [null], ['']])('with label %j is unlabelled', (label) => {
    expect(read({ id: 'a', text: 't', label })).toMatchObject({ kind: 'text', label: undefined });
  });

  test.each([
    [4, '4'],
    [4.5, '4.5'],
    [true, 'true'],
    ['__proto__', '__proto__'],
  ])('label %j becomes the string %j', (label, expected) => {
    expect(read({ id: 'a', text: 't', label })).toMatchObject({ label: expected });
  });

  test('without an id is named by topic, partition and offset', () => {
    expect(read({ text: 't' })).toMatchObject({ id: 'reviews/2/7' });
    expect(read({ text: 't', id: null })).toMatchObject({ id: 'reviews/2/7' });
  });

  test('keeps NUL characters, and lone surrogates as far as UTF-8 can', () => {
    expect(readSourceRecord(record('{"id":"a\\ud800","text":"\\u0000 \\udc00"}'))).toMatchObject({
      kind: 'text',
      id: 'a\ufffd',
      text: '\u0000 \udc00',
    });
  });

  test('of more than 262,144 bytes is refused, of exactly as many it is not', () => {
    expect(read({ text: 'é'.repeat(131_072) })).toMatchObject({ kind: 'text' });
    expect(read({ text: `${'é'.repeat(131_072)}a` })).toMatchObject({ code: 'TEXT_TOO_LONG' });
    expect(read({ text: 'a'.repeat(1_000_000) })).toMatchObject({
      kind: 'refused',
      code: 'TEXT_TOO_LONG',
      stage: 'validate',
    });
  });
});

describe('a label record', () => {
  test('has a label and no text; null withdraws', () => {
    expect(read({ id: 'r', label: 'positive' })).toEqual({
      kind: 'label',
      id: 'r',
      label: 'positive',
      weight: 16,
      ts: undefined,
      model: undefined,
    });
    expect(read({ id: 'r', label: null })).toMatchObject({ kind: 'label', label: null });
  });

  test('needs an id, and a label that says something', () => {
    expect(read({ label: 'positive' })).toMatchObject({ code: 'RECORD_INVALID' });
    expect(read({ id: 'r', label: '' })).toMatchObject({ code: 'RECORD_INVALID' });
    expect(read({ id: '', label: 'positive' })).toMatchObject({ code: 'RECORD_INVALID' });
  });
});

describe('a weight', () => {
  const label = 'positive';

  test.each([
    [undefined, 16],
    [null, 16],
    [1, 16],
    [0.25, 4],
    [0, 0],
    [16, 256],
    [0.28, 4],
    [0.29, 5],
    [1 / 32, 1],
    [0.03, 0],
  ])('of %p is %p sixteenths, of texts and of labels', (weight, sixteenths) => {
    expect(read({ id: 'a', text: 't', label, labelWeight: weight })).toMatchObject({
      weight: sixteenths,
    });
    expect(read({ id: 7, text: 't', label, labelWeight: weight })).toMatchObject({
      weight: sixteenths,
    });
    expect(read({ id: 'a', label, labelWeight: weight })).toMatchObject({
      kind: 'label',
      weight: sixteenths,
    });
  });

  test.each([
    [-0.1, 'a number'],
    [16.1, 'a number'],
    ['2', 'a string'],
    [true, 'a boolean'],
    [[1], 'an array'],
    [{}, 'an object'],
  ])('of %j is refused, with the field, what it should be and what it is', (weight, kind) => {
    const refused = {
      kind: 'refused',
      code: 'RECORD_INVALID',
      stage: 'validate',
      message: `labelWeight: expected a number from 0 to 16; leave it out to count the label once (came: ${kind})`,
    };
    expect(read({ id: 'a', text: 't', label, labelWeight: weight })).toEqual(refused);
    expect(read({ id: 'a', label, labelWeight: weight })).toEqual(refused);
  });

  test.each([[undefined], [null], ['']])(
    'of a text with label %j is somebody else’s, and ignored whatever it is',
    (none) => {
      for (const weight of ['12 kg', 250, 2, 0, {}])
        expect(read({ id: 'a', text: 't', label: none, labelWeight: weight })).toMatchObject({
          kind: 'text',
          label: undefined,
          weight: 16,
        });
    },
  );

  test('of a withdrawal is ignored', () => {
    expect(read({ id: 'a', label: null, labelWeight: 'much' })).toMatchObject({
      kind: 'label',
      label: null,
      weight: 16,
    });
  });
});

describe('a dead letter', () => {
  test.each<[string, string | Uint8Array | null, string, string]>([
    ['a null value', null, 'decode', 'the value is null'],
    ['no JSON', '{"text":', 'decode', 'no JSON'],
    ['an empty value', '', 'decode', 'no JSON'],
    ['broken UTF-8', Uint8Array.of(0x22, 0xc3, 0x28, 0x22), 'decode', 'no UTF-8'],
    ['an array', '[1]', 'validate', 'an array'],
    ['null', 'null', 'validate', 'null'],
    ['a number', '5', 'validate', 'a number'],
    ['text null', '{"text":null}', 'validate', 'text'],
    ['a text that is a number', '{"text":5}', 'validate', 'came: a number'],
    ['neither text nor label', '{"id":"a"}', 'validate', 'neither text nor label'],
    ['an id that is too long', `{"id":"${'x'.repeat(257)}","text":""}`, 'validate', 'id'],
    ['a label that is too long', `{"text":"","label":"${'x'.repeat(65)}"}`, 'validate', 'label'],
    ['a label that is an object', '{"text":"","label":{}}', 'validate', 'came: an object'],
  ])('is made of %s, with stage and field', (_, value, stage, says) => {
    const refused = readSourceRecord(record(value));
    expect(refused).toMatchObject({ kind: 'refused', code: 'RECORD_INVALID', stage });
    expect((refused as { message: string }).message).toContain(says);
  });

  test('never quotes the text', () => {
    const refused = read({ text: 'a secret', label: { secret: 1 } });
    expect(JSON.stringify(refused)).not.toContain('secret');
  });
});

describe('CloudEvents', () => {
  const structured = [['Content-Type', 'application/cloudevents+json; charset=utf-8']] as const;

  test('binary: the value is the data', () => {
    const headers = [
      ['ce_specversion', '1.0'],
      ['ce_type', 'review'],
      ['content-type', 'application/json'],
    ] as const;
    expect(read({ id: 'a', text: 't' }, headers)).toMatchObject({ kind: 'text', id: 'a' });
  });

  test('structured: the data is inside, as JSON or base64', () => {
    const event = { specversion: '1.0', type: 'review', id: 'e-1', source: '/shop' };
    const data = { id: 'a', text: 'naïve' };
    expect(read({ ...event, data }, structured)).toMatchObject({ kind: 'text', text: 'naïve' });
    const data_base64 = Buffer.from(JSON.stringify(data)).toString('base64');
    expect(read({ ...event, data_base64 }, structured)).toMatchObject({ text: 'naïve' });
  });

  test.each([
    [{ specversion: '1.0' }, 'without data'],
    [[], 'must be a JSON object'],
    [{ data_base64: '%%%' }, 'data_base64'],
    [{ data: 5 }, 'a number'],
  ])('structured %j is refused', (event, says) => {
    const refused = read(event, structured);
    expect(refused).toMatchObject({ kind: 'refused', code: 'RECORD_INVALID' });
    expect((refused as { message: string }).message).toContain(says);
  });

  test('a batch is refused', () => {
    expect(read([], [['content-type', 'application/cloudevents-batch+json']])).toMatchObject({
      code: 'RECORD_INVALID',
    });
  });
});

test('well-formed strings are left alone', () => {
  expect(wellFormed('a😀b')).toBe('a😀b');
  expect(wellFormed('\ud83d\ude00\ud83d')).toBe('😀\ufffd');
});
