import { describe, expect, test } from '@jest/globals';
import { ValenceError } from '../../../src/errors.ts';
import { Appender } from '../../../src/ingest/appender.ts';
import { FakeLog, type Fault } from './inputs.ts';

const away = new ValenceError('LOG_UNAVAILABLE', 'the log is away');
const records = ['a', 'b', 'c'].map((key) => ({ key, value: `"${key}"` }));
const checkpoint = { name: 'n', value: 'v' };

function setup(fault: (append: number) => Fault | undefined, signal?: AbortSignal) {
  const log = new FakeLog();
  log.fault = fault;
  const slept: number[] = [];
  const clock = {
    now: () => 0,
    sleep: (ms: number) => {
      slept.push(ms);
      return Promise.resolve();
    },
  };
  const appender = new Appender(log, clock, { tries: 4, random: () => 0.5 }, signal);
  return { log, slept, appender };
}

describe('an append that fails', () => {
  test('is tried again after a backoff that grows, with jitter', async () => {
    const { log, slept, appender } = setup((append) =>
      append < 3 ? { when: 'before', error: away } : undefined,
    );
    await appender.records('t', records, checkpoint);
    expect(slept).toEqual([50, 100, 200]);
    expect(log.of('t').map(({ key }) => key)).toEqual(['a', 'b', 'c']);
    expect(appender.counts).toEqual({ sent: 3, acked: 3, retried: 9, failed: 0, deadLettered: 0 });
  });

  test('is given up after the last try', async () => {
    const { slept, appender } = setup(() => ({ when: 'before', error: away }));
    await expect(appender.records('t', records, checkpoint)).rejects.toBe(away);
    expect(slept).toHaveLength(3);
    expect(appender.counts).toMatchObject({ sent: 3, acked: 0, failed: 3 });
  });

  test('is not tried again when no try can mend it', async () => {
    const full = new ValenceError('LOG_FULL', 'no space');
    const { log, appender } = setup(() => ({ when: 'before', error: full }));
    await expect(appender.records('t', records, checkpoint)).rejects.toBe(full);
    expect(log.appends).toHaveLength(1);
  });

  test('is not tried again once the worker is to stop', async () => {
    const { log, appender } = setup(() => ({ when: 'before', error: away }), AbortSignal.abort());
    await expect(appender.records('t', records, checkpoint)).rejects.toBe(away);
    expect(log.appends).toHaveLength(1);
  });
});

describe('an answer that is lost', () => {
  test.each(['COMMIT_UNKNOWN', 'LOG_UNAVAILABLE', 'LOG_FULL'] as const)(
    'after the commit (%s): the checkpoint tells, nothing is repeated',
    async (code) => {
      const error = new ValenceError(code, 'lost');
      const { log, appender } = setup((append) =>
        append === 0 ? { when: 'after', error } : undefined,
      );
      await appender.records('t', records, checkpoint);
      expect(log.of('t')).toHaveLength(3);
      expect(log.appends).toHaveLength(1);
      expect(appender.counts).toMatchObject({ acked: 3, retried: 0 });
    },
  );

  test('before the commit: the append is repeated', async () => {
    const error = new ValenceError('COMMIT_UNKNOWN', 'lost');
    const { log, appender } = setup((append) =>
      append === 0 ? { when: 'before', error } : undefined,
    );
    await appender.records('t', records, checkpoint);
    expect(log.of('t')).toHaveLength(3);
  });
});

describe('outcomes', () => {
  test('only what was not taken is sent again, and the checkpoint with it', async () => {
    const { log, appender } = setup((append) =>
      append === 0
        ? {
            outcomes: () => [
              { status: 'ok', partition: 0, offset: 0 },
              { status: 'failed', error: away },
              { status: 'unknown', error: away },
            ],
          }
        : undefined,
    );
    await appender.records('t', records, checkpoint);
    expect(log.of('t').map(({ key }) => key)).toEqual(['a', 'b', 'c']);
    expect(log.appends.map(({ records: count }) => count)).toEqual([3, 2]);
    expect(log.checkpoints.get('n')).toBe('v');
    expect(appender.counts).toMatchObject({ sent: 3, acked: 3, retried: 2 });
  });

  test('a record that the log will never take ends it', async () => {
    const error = new Error('message too large');
    const { appender } = setup(() => ({
      outcomes: (batch) => batch.map(() => ({ status: 'failed', error })),
    }));
    await expect(appender.records('t', records, checkpoint)).rejects.toBe(error);
    expect(appender.counts).toMatchObject({ acked: 0, failed: 3 });
  });
});

test('nothing to say is no append; a checkpoint alone is one', async () => {
  const { log, appender } = setup(() => undefined);
  await appender.records('t', [], undefined);
  await appender.deadLetters('d', []);
  expect(log.appends).toEqual([]);
  await appender.records('t', [], checkpoint);
  expect(log.checkpoints.get('n')).toBe('v');
});

test('dead letters are counted apart', async () => {
  const { appender } = setup(() => undefined);
  await appender.deadLetters('d', records);
  expect(appender.counts).toMatchObject({ sent: 0, acked: 0, deadLettered: 3 });
});
