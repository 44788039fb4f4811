import { expect, test } from '@jest/globals';
import { createLogger } from '../../src/logger.ts';

function logged(act: (logger: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] {
  const lines: string[] = [];
  act(createLogger('subscriber', 'info', { write: (line) => lines.push(line) }));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('a line is JSON with level, worker and the fields', () => {
  expect(logged((logger) => logger.info({ partition: 3 }, 'partition claimed'))).toMatchObject([
    { level: 'info', worker: 'subscriber', partition: 3, msg: 'partition claimed' },
  ]);
});

test('below the level nothing is written', () => {
  expect(logged((logger) => logger.debug('chunk committed'))).toEqual([]);
});

test('texts, headers and secrets that slip in are taken out', () => {
  const [line] = logged((logger) =>
    logger.warn({ text: 'private', record: { headers: ['x'], value: 'private' } }, 'odd'),
  );
  expect(JSON.stringify(line)).not.toContain('private');
  expect(line).toMatchObject({ text: '[redacted]' });
});
