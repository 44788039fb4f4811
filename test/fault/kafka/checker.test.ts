import { beforeAll, describe, expect, test } from '@jest/globals';
import { changeDelta } from '../../support/delta-edit.ts';
import {
  check,
  violationLine,
  type Invariant,
  type Violation,
} from '../../support/history/checker.ts';
import {
  digestOf,
  type History,
  type RawPartition,
  type RawRecord,
} from '../../support/history/history.ts';
import { memoryHistory } from '../../support/history/memory-history.ts';

const LIMITS = { settleMs: 1000, openMs: 1000 };
let good: History;

beforeAll(async () => {
  good = await memoryHistory(7);
}, 60_000);

const verdict = (history: History): readonly Violation[] => check(history, LIMITS);
const lines = (violations: readonly Violation[]): readonly string[] =>
  violations.map(violationLine);

/** Changes the records of one partition; offsets are dealt out anew, and readers are handed what the log then holds. */
function planted(
  history: History,
  topic: string,
  partition: number,
  change: (records: readonly RawRecord[]) => readonly RawRecord[],
): History {
  const partitions = [...(history.raw.get(topic) ?? [])];
  const { records } = partitions[partition] as RawPartition;
  const changed = change(records).map((record, offset) => ({ ...record, offset }));
  partitions[partition] = {
    start: 0,
    end: changed.length,
    stable: changed.length,
    records: changed,
  };
  const seen = changed
    .filter(({ outcome }) => outcome !== 'aborted')
    .map((record) => ({ topic, partition, offset: record.offset, digest: digestOf(record) }));
  return {
    ...history,
    raw: new Map([...history.raw, [topic, partitions]]),
    readers: history.readers.map(({ name, seen: all }) => ({
      name,
      seen: [
        ...all.filter((each) => each.topic !== topic || each.partition !== partition),
        ...seen,
      ],
    })),
  };
}

const results = (): string => good.topics.results;
const model = (): string => good.topics.model;
const textOf = (record: RawRecord): string => Buffer.from(record.value ?? []).toString();
const type = (record: RawRecord): string => (JSON.parse(textOf(record)) as { type: string }).type;
/** Place of a prediction in the middle of the results of partition 1, followed by another. */
function middle(records: readonly RawRecord[]): number {
  return records.findIndex(
    (record, at) =>
      at > 50 && type(record) === 'prediction' && type(records[at + 1]!) === 'prediction',
  );
}
const without = <T>(list: readonly T[], at: number): T[] => list.filter((_, index) => index !== at);
const withAt = <T>(list: readonly T[], at: number, change: (item: T) => T): T[] =>
  list.map((item, index) => (index === at ? change(item) : item));

/** The invariants that a history breaks. */
const red = (history: History): readonly Invariant[] => [
  ...new Set(verdict(history).map(({ invariant }) => invariant)),
];

describe('the history checker', () => {
  test('finds nothing in a good history of several owners, chunks, late labels and dead letters', () => {
    expect(lines(verdict(good))).toEqual([]);
    const owners = new Set(good.chunks.map(({ process }) => process));
    expect(owners.size).toBeGreaterThan(3);
    const deadLetters = good.raw.get(good.topics.dlq)!.flatMap(({ records }) => records);
    expect(deadLetters.length).toBeGreaterThan(0);
  });

  test('I1: a result that is dropped', () => {
    const bad = planted(good, results(), 1, (records) => without(records, middle(records)));
    const found = verdict(bad);
    expect(new Set(found.map(({ invariant }) => invariant))).toEqual(new Set(['I1']));
    expect(found).toHaveLength(1);
  });

  test('I1: an acknowledged source record that is not there, and an acknowledged commit', () => {
    const ghost = { id: 'ghost', partition: 1, offset: 5 };
    expect(red({ ...good, sent: [...good.sent, ghost] })).toEqual(['I1']);
    const chunk = { process: 'x', partition: 1, from: 0, to: 100_000 };
    expect(red({ ...good, chunks: [...good.chunks, chunk] })).toEqual(['I1']);
  });

  test('I2: a result that is there twice', () => {
    const bad = planted(good, results(), 1, (records) => {
      const at = middle(records);
      return [...records.slice(0, at), records[at]!, ...records.slice(at)];
    });
    expect(red(bad)).toEqual(['I2']);
  });

  test('I2: a dead letter for a record that was predicted too', () => {
    const [letter] = good.raw.get(good.topics.dlq)![1]!.records;
    const { producer, epoch } = good.raw.get(model())![1]!.records[0]!;
    const bad = planted(good, good.topics.dlq, 1, (records) => [
      ...records,
      { ...letter!, producer, epoch, headers: deadHeaders(letter!, 0) },
    ]);
    expect(red(bad)).toEqual(['I2']);
  });

  test('I3: a record of an aborted transaction in the log of a reader', () => {
    const hidden = planted(good, results(), 1, (records) => {
      const at = middle(records);
      const aborted: RawRecord = { ...records[at]!, producer: '77', outcome: 'aborted' };
      return [...records.slice(0, at), aborted, ...records.slice(at)];
    });
    expect(lines(verdict(hidden))).toEqual([]);
    const aborted = hidden.raw.get(results())![1]!.records.find((r) => r.outcome === 'aborted')!;
    const handed = {
      topic: results(),
      partition: 1,
      offset: aborted.offset,
      digest: digestOf(aborted),
    };
    const [left, right] = hidden.readers;
    const bad = { ...hidden, readers: [{ ...left!, seen: [...left!.seen, handed] }, right!] };
    expect(red(bad)).toEqual(['I3']);
  });

  test('I4: one record of a transaction that is hidden, a result or metrics', () => {
    for (const wanted of ['prediction', 'metrics']) {
      const bad = planted(good, results(), 1, (records) => {
        const at = records.findIndex(
          (record, index) =>
            index > 50 && type(record) === wanted && !textOf(record).includes('"idle"'),
        );
        return withAt(records, at, (record) => ({ ...record, outcome: 'aborted' }));
      });
      expect(red(bad)).toEqual(['I4']);
    }
  });

  test('I4: a group offset that is hidden while its delta is not', () => {
    const at = good.positions.findIndex(({ partition }) => partition === 1);
    const positions = withAt(good.positions, at, (each) => ({
      ...each,
      outcome: 'aborted' as const,
    }));
    expect(red({ ...good, positions })).toEqual(['I4']);
  });

  test('I5: two results that are swapped', () => {
    const bad = planted(good, results(), 1, (records) => {
      const at = middle(records);
      const [first, second] = [records[at]!, records[at + 1]!];
      return withAt(
        withAt(records, at, () => second),
        at + 1,
        () => first,
      );
    });
    expect(red(bad)).toEqual(['I5']);
  });

  test('I6: one count of a delta that is changed', () => {
    const bad = planted(good, model(), 1, (records) =>
      withAt(records, 2, (record) => ({ ...record, value: changedCount(record.value!) })),
    );
    const found = verdict(bad);
    expect(new Set(found.map(({ invariant }) => invariant))).toEqual(new Set(['I6']));
    expect(found[0]).toMatchObject({ topic: model(), partition: 1, offset: 2 });
  });

  test('I7: a merged model that is not the sum, or stands where no delta ends', () => {
    const [merged] = good.merged;
    const wrong = { ...merged!, hash: `0${merged!.hash.slice(1, -1)}x` };
    expect(red({ ...good, merged: [merged!, wrong] })).toEqual(['I7']);
    const between = withAt(merged!.positions, 1, (at) => (at ?? 0) - 1);
    expect(red({ ...good, merged: [{ ...merged!, positions: between }] })).toEqual(['I7']);
  });

  test('I8: a delta that is there twice', () => {
    const twice = planted(good, model(), 1, (records) => [...records, records.at(-1)!]);
    expect(red(twice)).toEqual(['I8']);
  });

  test('I8: a group offset that moves back', () => {
    const last = good.positions.findLastIndex(({ partition }) => partition === 1);
    const before = good.positions.findLast(({ partition }, at) => partition === 1 && at < last)!;
    const positions = withAt(good.positions, last, (each) => ({
      ...each,
      position: before.position - 1,
    }));
    expect(red({ ...good, positions })).toEqual(['I8']);
  });

  test('I9: a reader that was handed another record than the log holds, or one that it does not hold', () => {
    const [left, right] = good.readers;
    for (const change of [{ digest: 'other' }, { offset: 1_000_000 }]) {
      const seen = withAt(left!.seen, left!.seen.length - 1, (each) => ({ ...each, ...change }));
      expect(red({ ...good, readers: [{ ...left!, seen }, right!] })).toEqual(['I9']);
    }
  });

  test('P1: a prediction that knows its own label', () => {
    const bad = planted(good, results(), 1, (records) =>
      withAt(records, middle(records), (record) => {
        const learned = textOf(record).replace(
          /"learned":(\d+)/,
          (_, n) => `"learned":${Number(n) + 1}`,
        );
        return { ...record, value: Buffer.from(learned) };
      }),
    );
    expect(red(bad)).toEqual(['P1']);
  });

  test('P1: a chunk that saw deltas which came after it', () => {
    const bad = planted(good, model(), 1, (records) =>
      withAt(records, 0, (record) => ({ ...record, value: changedSeen(record.value!) })),
    );
    expect(red(bad)).toEqual(['P1']);
  });

  test('L1: a partition that stands, and one that came to its end too late', () => {
    const bad = planted(good, good.topics.source, 1, (records) => [...records, records.at(-1)!]);
    expect(red(bad)).toEqual(['L1']);
    expect(red({ ...good, settledMs: 1001 })).toEqual(['L1']);
    expect(red({ ...good, settledMs: undefined })).toEqual(['L1']);
  });

  test('L2: readers that are held back for longer than a transaction may be open', () => {
    const at = (atMs: number, stable: number) => ({
      atMs,
      stable,
      end: 9,
      topic: results(),
      partition: 1,
    });
    const held = [at(0, 5), at(600, 5), at(1200, 5)];
    expect(red({ ...good, stable: held })).toEqual(['L2']);
    expect(lines(verdict({ ...good, stable: [at(0, 5), at(600, 6), at(1200, 6)] }))).toEqual([]);
    const logs = good.raw.get(results())!;
    const open = withAt(logs, 1, (log) => ({ ...log, end: log.end + 1 }));
    expect(red({ ...good, raw: new Map([...good.raw, [results(), open]]) })).toEqual(['L2']);
  });
});

function deadHeaders(letter: RawRecord, offset: number): RawRecord['headers'] {
  return letter.headers.map(([name, value]) => [
    name,
    name === '__streams.errors.offset' ? Buffer.from(String(offset)) : value,
  ]);
}

/** The delta with one more occurrence of its first term, checksum and all. */
function changedCount(value: Uint8Array): Uint8Array {
  return rewritten(value, (delta) => {
    delta.counts[0] = (delta.counts[0] ?? 0) + 1;
  });
}

/** The delta with a view that goes to the end of partition 0. */
function changedSeen(value: Uint8Array): Uint8Array {
  const end = good.raw.get(good.topics.source)![0]!.end;
  return rewritten(value, () => undefined, [end, undefined, undefined]);
}

function rewritten(
  value: Uint8Array,
  change: (delta: { readonly counts: Float64Array }) => void,
  others?: readonly (number | undefined)[],
): Uint8Array {
  return changeDelta(value, (delta) => {
    change(delta.models[0]!.delta);
    const seen = others === undefined ? delta.seen : delta.seen.map((at, q) => others[q] ?? at);
    return { ...delta, seen };
  });
}
