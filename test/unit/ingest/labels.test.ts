import { describe, expect, test } from '@jest/globals';
import { readLabels } from '../../../src/ingest/labels.ts';
import { gist, streamOf } from './inputs.ts';

const labelsOf = async (input: string): Promise<unknown[]> => {
  const labels: unknown[] = [];
  for await (const batch of readLabels({ path: '-', stdin: streamOf(input) })) {
    labels.push(...batch.map(gist));
  }
  return labels;
};

describe('labels', () => {
  test('NDJSON lines, null included', async () => {
    expect(
      await labelsOf(
        '{"id":"a","label":"x"}\n\n{"id":2,"label":true,"ts":"t"}\n{"id":"c","label":null}',
      ),
    ).toEqual([
      { id: 'a', label: 'x' },
      { id: '2', label: true, ts: 't' },
      { id: 'c', label: null },
    ]);
  });

  test('NDJSON lines with weights, as label records have them', async () => {
    expect(
      await labelsOf(
        '{"id":"a","label":"x","labelWeight":2}\n{"id":"b","text":"t","label":"x","labelWeight":0}\n{"id":"c","label":"x","labelWeight":"heavy"}',
      ),
    ).toEqual([
      { id: 'a', label: 'x', weight: 2 },
      { id: 'b', label: 'x', weight: 0 },
      'RECORD_INVALID',
    ]);
  });

  test('CSV and TSV lines, with and without a header', async () => {
    const expected = [
      { id: 'a', label: 'x' },
      { id: 'b,1', label: 'y' },
    ];
    expect(await labelsOf('id,label\r\na,x\r\n"b,1",y\r\n')).toEqual(expected);
    expect(await labelsOf('a\tx\nb,1\t y \n')).toEqual(expected);
  });

  test('a text with its label counts as the label', async () => {
    expect(await labelsOf('{"id":"a","text":"t","label":1}\n')).toEqual([{ id: 'a', label: 1 }]);
  });

  test('the header is none but on the first line', async () => {
    expect(await labelsOf('a,x\nid,label\n')).toEqual([
      { id: 'a', label: 'x' },
      { id: 'id', label: 'label' },
    ]);
  });

  test.each([
    'a',
    'a,',
    ',x',
    'a,b,c',
    '"a"b,x',
    '{"id":"a"}',
    '{"label":"x"}',
    '{"text":"t","label":"x"}',
    '{"value":{}}',
    '[1]',
    '{"id":"a","label":""}',
    `a,${'x'.repeat(65)}`,
    `${'i'.repeat(257)},x`,
  ])('%s is refused, in its place', async (line) => {
    expect(await labelsOf(`a,x\n${line}\nb,y\n`)).toEqual([
      { id: 'a', label: 'x' },
      'RECORD_INVALID',
      { id: 'b', label: 'y' },
    ]);
  });
});
