import { describe, expect, test } from '@jest/globals';
import { palette } from '../../../src/cli/display.ts';
import { recordLine } from '../../../src/cli/record-line.ts';
import { at, recordJson, valueOf } from '../../../src/cli/record-json.ts';
import type { LogRecord } from '../../../src/ports/event-log.ts';

const bytes = (text: string) => Buffer.from(text);
const record = (fields: Partial<LogRecord>): LogRecord => ({
  topic: 't',
  partition: 1,
  offset: 2,
  timestamp: 3,
  key: null,
  value: null,
  headers: [],
  ...fields,
});

test('a record becomes one object with its value parsed', () => {
  const json = recordJson(record({ key: bytes('k'), value: bytes('{"text":"a"}') }));
  expect(JSON.stringify(json)).toBe(
    '{"topic":"t","partition":1,"offset":2,"timestamp":3,"key":"k","headers":{},"value":{"text":"a"}}',
  );
});

test('a header that repeats becomes a list, one named __proto__ stays a header', () => {
  const headers = [
    ['a', bytes('1')],
    ['__proto__', bytes('2')],
    ['a', bytes('3')],
  ] as const;
  expect(JSON.stringify(recordJson(record({ headers })).headers)).toBe(
    '{"a":["1","3"],"__proto__":"2"}',
  );
});

test('text that is no JSON stays text, bytes that are no UTF-8 become base64', () => {
  expect(valueOf(bytes('not json'))).toBe('not json');
  expect(valueOf(Uint8Array.of(0xff, 0x00))).toEqual({ base64: '/wA=' });
  expect(valueOf(null)).toBeNull();
});

describe('at', () => {
  const value = JSON.parse('{"a":{"b.c":1,"b":{"d":null}},"a.x":2,"__proto__":{"y":3}}') as unknown;
  test.each([
    ['a.b.c', 1],
    ['a.b.d', null],
    ['a.x', 2],
    ['__proto__.y', 3],
    ['constructor', undefined],
    ['a.z', undefined],
  ])('%s', (path, found) => {
    expect(at(value, path)).toEqual(found);
  });
});

test('a drift is a line that says what changed, and what the model did about it', () => {
  const evidence = { before: 0.2, after: 0.5, records: 64 };
  const drift = { type: 'drift', model: 'fresh', signal: 'error', evidence };
  const line = (value: object): string =>
    recordLine(recordJson(record({ value: bytes(JSON.stringify(value)) })), 200, palette(false));
  expect(line(drift)).toContain('drift: wrong answers 0.2 → 0.5 over 64 records fresh');
  expect(line({ ...drift, reaction: { action: 'forget', forgotten: 1472 } })).toContain(
    'over 64 records · 1,472 documents forgotten fresh',
  );
});
