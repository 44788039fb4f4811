import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  initialHealth,
  lagOf,
  reasonsOf,
  REASONS,
  reduceHealth,
  standstill,
  type HealthEvent,
  type HealthState,
} from '../../../src/http/health-state.ts';

/** Events a second apart, from 0 on. */
function after(events: readonly HealthEvent[], subscribes = true): HealthState {
  return events.reduce(
    (state, event, index) => reduceHealth(state, event, index * 1000),
    initialHealth(subscribes, 0),
  );
}

const codes = (state: HealthState, now: number) => reasonsOf(state, now).map(({ code }) => code);
const beat = { type: 'heartbeat' } as const;
const opened = { type: 'opened' } as const;
const claimed = (partition = 0) => ({ type: 'claimed', partition, epoch: 1 }) as const;
const released = (partition = 0) => ({ type: 'released', partition, epoch: 1 }) as const;
const restored = (position: number, partition = 0) =>
  ({ type: 'restored', partition, position, durationMs: 5 }) as const;
const chunk = (from: number, to: number, end: number, partition = 0) =>
  ({
    type: 'chunk',
    partition,
    records: to - from,
    from,
    to,
    end,
    predictions: to - from,
    outcomes: 0,
    deadLetters: 0,
    durationMs: 3,
    timestamp: 40_000,
  }) as const;
const idle = (position: number, end = position, partition = 0) =>
  ({ type: 'idle', partition, position, end }) as const;
const sample = (from: number, end: number, waiting?: number, partition = 0) =>
  ({ type: 'sample', partition, from, end, waiting }) as const;
const serving = [opened, claimed(), restored(10), beat];

describe('reasons', () => {
  test.each<[string, HealthEvent[], number, string[]]>([
    ['before the log is open', [], 0, ['starting']],
    ['while it owns nothing', [opened, beat], 2000, ['no_assignment']],
    ['while a partition is read back', [opened, claimed(), beat], 3000, ['restoring']],
    ['when all is well', serving, 4000, []],
    ['when the last heartbeat is a session old', serving, 13_000, []],
    ['when it is older', serving, 13_001, ['heartbeat_stale']],
    ['after everything was given back', [...serving, released()], 5000, ['no_assignment']],
    ['after it was told to end', [...serving, { type: 'draining' }], 5000, ['draining']],
    ['while the log is away', [...serving, { type: 'unreachable' }], 5000, ['broker_unreachable']],
    ['while a replica waits for a model', [opened, { type: 'waits' }], 90_000, ['starting']],
    ['when its model came', [opened, { type: 'waits' }, ...serving.slice(1)], 5000, []],
    ['when it is heard of again', [...serving, { type: 'unreachable' }, beat], 6000, []],
  ])('%s', (_, events, now, expected) => {
    expect(codes(after(events), now)).toEqual(expected);
  });

  test('a worker without partitions needs only its log', () => {
    expect(codes(after([], false), 0)).toEqual(['starting']);
    expect(codes(after([opened], false), 3_600_000)).toEqual([]);
  });

  test('say which partitions', () => {
    const state = after([opened, beat, claimed(7), claimed(2), restored(0, 2), claimed(3)]);
    expect(reasonsOf(state, 6000)).toEqual([{ code: 'restoring', detail: 'partitions 3, 7' }]);
  });

  test('a partition claimed three times without a commit counts as failing until it moves', () => {
    const round = [claimed(), restored(10), released()];
    const failing = [opened, beat, ...round, ...round, claimed(), restored(10)];
    expect(codes(after(failing), 9000)).toEqual(['commits_failing']);
    expect(codes(after([...failing, chunk(10, 20, 20)]), 9000)).toEqual([]);
    expect(codes(after([...failing, idle(10)]), 9000)).toEqual([]);
    // Somebody else has it now.
    expect(codes(after([...failing, released()]), 9000)).toEqual(['no_assignment']);
  });
});

describe('lag', () => {
  const lag = (events: readonly HealthEvent[], time: number) => {
    const health = after([...serving, ...events]).partitions.get(0);
    return health && lagOf(health, time);
  };

  test('is unknown until an end was seen', () => {
    expect(lag([], 50_000)).toBeUndefined();
  });

  test('is what lies between the last chunk and the end, and its age', () => {
    expect(lag([chunk(10, 510, 800)], 50_000)).toEqual({ records: 290, seconds: 10 });
    expect(lag([chunk(10, 800, 800)], 50_000)).toEqual({ records: 0, seconds: 0 });
  });

  test('is 0 when nothing is left to fold, whatever markers lie before the end', () => {
    expect(lag([idle(10, 12)], 50_000)).toEqual({ records: 0, seconds: 0 });
    expect(lag([idle(10, 12), sample(12, 13)], 50_000)).toEqual({ records: 0, seconds: 0 });
  });

  test('grows with the samples while the subscriber says nothing', () => {
    expect(lag([idle(10), sample(10, 25, 45_000)], 50_000)).toEqual({ records: 15, seconds: 5 });
    expect(lag([idle(10), sample(10, 25, 45_000), chunk(10, 25, 25)], 50_000)?.records).toBe(0);
  });

  test('a sample that was overtaken tells the end only', () => {
    const events = [chunk(10, 20, 20), sample(10, 30, 1)];
    expect(lag(events, 50_000)).toEqual({ records: 10, seconds: 10 });
    expect(standstill(after([...serving, ...events]), 6000)).toBeUndefined();
  });

  test('a record from the future is 0 s old', () => {
    expect(lag([chunk(10, 20, 30)], 1)).toEqual({ records: 10, seconds: 0 });
  });
});

describe('standing still', () => {
  const stuck = after([...serving, sample(10, 30, 1), sample(10, 30, 1)]);

  test('is counted from the first sample with a record that waits', () => {
    expect(standstill(stuck, 12_000)).toEqual({ partition: 0, passed: 10, ms: 8000 });
  });

  test('is not told while heartbeats are stale, nor of the time in which the process was frozen', () => {
    expect(standstill(stuck, 14_000)).toBeUndefined();
    const thawed = reduceHealth(stuck, { type: 'thawed' }, 12_000);
    expect(standstill(thawed, 12_000)).toBeUndefined();
    expect(thawed.aliveAt).toBe(12_000);
  });

  test('ends with a chunk, and where nothing waits', () => {
    expect(standstill(reduceHealth(stuck, chunk(10, 11, 30), 6000), 7000)).toBeUndefined();
    expect(standstill(reduceHealth(stuck, sample(10, 31), 6000), 7000)).toBeUndefined();
  });
});

describe('whatever happens', () => {
  const partition = fc.nat(3);
  const count = fc.nat(1000);
  const event = fc.oneof(
    fc.constantFrom<HealthEvent>(
      opened,
      beat,
      { type: 'draining' },
      { type: 'unreachable' },
      { type: 'reachable' },
      { type: 'thawed' },
      { type: 'waits' },
    ),
    partition.chain((p) => fc.constantFrom<HealthEvent>(claimed(p), released(p))),
    fc.tuple(count, partition).map(([position, p]) => restored(position, p)),
    fc.tuple(count, count, count, partition).map(([from, n, more, p]) => {
      return chunk(from, from + n + 1, from + n + 1 + more, p);
    }),
    fc.tuple(count, count, partition).map(([at, more, p]) => idle(at, at + more, p)),
    fc
      .tuple(count, count, fc.option(count, { nil: undefined }), partition)
      .map(([from, more, waiting, p]) => sample(from, from + more, waiting, p)),
  );
  const history = fc.array(event, { maxLength: 60 });

  test('ready means: open, not told to end, a fresh heartbeat, and every owned partition restored', () => {
    fc.assert(
      fc.property(history, fc.nat(30_000), (events, later) => {
        const state = after(events);
        const now = events.length * 1000 + later;
        const isReady =
          state.opened &&
          !state.waiting &&
          !state.draining &&
          state.reachable &&
          now - state.heartbeatAt <= 10_000 &&
          state.partitions.size > 0 &&
          [...state.partitions.values()].every(({ phase }) => phase === 'serving');
        const found = codes(state, now).filter((code) => code !== 'commits_failing');
        expect(found.length === 0).toBe(isReady);
        for (const code of found) expect(REASONS).toContain(code);
        expect(new Set(found).size).toBe(found.length);
      }),
    );
  });

  test('lag is never negative, and 0 s exactly when 0 records', () => {
    fc.assert(
      fc.property(history, fc.integer({ min: 40_001, max: 1e6 }), (events, time) => {
        for (const health of after(events).partitions.values()) {
          const lag = lagOf(health, time);
          if (lag === undefined) continue;
          expect(lag.records).toBeGreaterThanOrEqual(0);
          if (lag.records === 0) expect(lag.seconds).toBe(0);
          if (lag.seconds === 0) expect(lag.records).toBe(0);
        }
      }),
    );
  });

  test('the owned partitions are those claimed last and not given back', () => {
    fc.assert(
      fc.property(history, (events) => {
        const owned = new Set<number>();
        for (const happened of events) {
          if (happened.type === 'released' || happened.type === 'fenced')
            owned.delete(happened.partition);
          else if ('partition' in happened && happened.type !== 'sample')
            owned.add(happened.partition);
        }
        expect(new Set(after(events).partitions.keys())).toEqual(owned);
      }),
    );
  });
});
