/**
 * The history checker: a function for each anomaly that a run under faults must not show. Each gives the records that show it; an
 * empty list means that the history has none. They are told apart so that one fault of the system turns one of them red:
 *
 *   I1 lost · I2 duplicate · I3 aborted read · I4 torn · I5 order · I6 state · I7 merge · I8 position · I9 agreement
 *   P1 leakage · L1 liveness · L2 stable offset
 */
import { modelHash } from '../../../src/core/models/snapshot.ts';
import { PartitionFold } from '../../../src/pipeline/fold.ts';
import { digestOf, isVisible, type History, type RawRecord, type SeenRecord } from './history.ts';
import { ChunkSource, deltaOf, recompute, stateOf, SumDifference } from './recompute.ts';
import { viewOf, type Answer, type PartitionView, type View } from './view.ts';

export const INVARIANTS = [
  'I1',
  'I2',
  'I3',
  'I4',
  'I5',
  'I6',
  'I7',
  'I8',
  'I9',
  'P1',
  'L1',
  'L2',
] as const;
export type Invariant = (typeof INVARIANTS)[number];

export interface Violation {
  readonly invariant: Invariant;
  readonly message: string;
  readonly topic: string;
  readonly partition: number;
  /** Of the record that shows it. */
  readonly offset: number;
}

export interface Limits {
  /** For L1, ms. */
  readonly settleMs: number;
  /** For L2: transaction timeout, the broker's scan and a margin, ms. */
  readonly openMs: number;
}

type Check = (view: View, limits: Limits) => readonly Violation[];

/** Every violation of a history. */
export function check(history: History, limits: Limits): readonly Violation[] {
  const view = viewOf(history);
  return CHECKS.flatMap((each) => each(view, limits));
}

/** One line a violation. */
export function violationLine({ invariant, topic, partition, offset, message }: Violation): string {
  return `${invariant} ${topic}/${partition}@${offset}: ${message}`;
}

/** I1: an acknowledged record, or an acknowledged commit, is not there, or a folded record has no answer. */
const lost: Check = ({ history, partitions }) => {
  const { topics, sent, chunks, models } = history;
  const found = new Map<string, string>();
  const isSource = (partition: number, record: RawRecord): void => {
    found.set(`${partition}/${record.offset}`, idOf(record));
  };
  for (const { partition, source } of partitions)
    for (const record of source) isSource(partition, record);
  const unsent = sent
    .filter(({ partition, offset, id }) => found.get(`${partition}/${offset}`) !== id)
    .map(({ partition, offset, id }) =>
      violation('I1', topics.source, partition, offset, `record '${id}' was acknowledged here`),
    );
  const gone = chunks
    .filter(({ partition, from, to }) => !isInChain(partitions[partition], from, to))
    .map(({ process, partition, from, to }) =>
      violation(
        'I1',
        topics.model,
        partition,
        from,
        `${process} took [${from}, ${to}) for committed, and no delta says so`,
      ),
    );
  const unanswered = partitions.flatMap((view) => {
    const torn = hiddenAnswers(view);
    const answers = new Map<string, Answer>();
    for (const each of visible(view)) answers.set(`${each.offset}/${each.model}`, each);
    return view.source
      .filter(({ offset }) => offset < view.position)
      .filter(({ offset }) => !torn.has(offset) && !answers.has(`${offset}/`))
      .flatMap(({ offset }) =>
        models
          .filter(({ name }) => !answers.has(`${offset}/${name}`))
          .map(({ name }) =>
            violation(
              'I1',
              topics.source,
              view.partition,
              offset,
              `folded, but neither '${name}' nor a dead letter answers it`,
            ),
          ),
      );
  });
  return [...unsent, ...gone, ...unanswered];
};

/** I2: more than one committed answer of a model to a source record, or a result and a dead letter. */
const duplicated: Check = ({ partitions }) =>
  partitions.flatMap((view) => {
    const answered = new Map<string, Answer>();
    const once = new Map<string, Answer>();
    return visible(view).flatMap((answer): Violation[] => {
      const { topic, partition, raw, type, model, offset } = answer;
      const twice = (before: Answer): Violation[] => [
        violation(
          'I2',
          topic,
          partition,
          raw.offset,
          `a second answer (${type} of '${model}') to source offset ${offset}; the first: ${before.topic}@${before.raw.offset}`,
        ),
      ];
      if (type === 'metrics') {
        // A crash may repeat idle metrics; then byte for byte.
        const key = `metrics/${offset}/${model}/${answer.idle}`;
        const before = once.get(key);
        once.set(key, answer);
        if (before === undefined) return [];
        return answer.idle && digestOf(before.raw) === digestOf(raw) ? [] : twice(before);
      }
      if (type === 'drift' || type === 'alert') {
        const before = once.get(answer.event);
        once.set(answer.event, answer);
        return before === undefined ? [] : twice(before);
      }
      const dead = answered.get(`${offset}/`);
      const others = type === 'dead letter' ? answered.get(`${offset}/any`) : undefined;
      const before = answered.get(`${offset}/${model}`) ?? dead ?? others;
      answered.set(`${offset}/${model}`, answer);
      answered.set(`${offset}/any`, answer);
      return before === undefined ? [] : twice(before);
    });
  });

/** I3: a reader was handed a record whose transaction was aborted. */
const abortedRead: Check = ({ history }) => {
  const logs = indexed(history);
  return everySeen(history).flatMap(({ reader, seen }) => {
    const record = logs.get(seen.topic)?.[seen.partition]?.get(seen.offset);
    if (record?.outcome !== 'aborted' && record?.outcome !== 'open') return [];
    const { topic, partition, offset } = seen;
    const message = `${reader} was handed a record of a transaction that is ${record.outcome}`;
    return [violation('I3', topic, partition, offset, message)];
  });
};

/** I4: of one transaction, some records are visible and some are not. */
const torn: Check = ({ history, partitions }) =>
  partitions.flatMap((view) => {
    const owners = new Writers(view);
    const answers = [...view.results, ...view.deadLetters].flatMap((answer): Violation[] => {
      if (answer.idle) return [];
      const { topic, partition, raw, offset, type } = answer;
      const delta = owners.deltaFor(raw, offset);
      if (delta === undefined) {
        if (!isVisible(raw) || owners.isTrimmed(offset)) return [];
        const message = `${type} for source offset ${offset} is visible, its delta is not there`;
        return [violation('I4', topic, partition, raw.offset, message)];
      }
      if (isVisible(raw) === isVisible(delta.raw)) return [];
      const message = `${type} for source offset ${offset} is ${raw.outcome}, its delta (model@${delta.raw.offset}) is ${delta.raw.outcome}`;
      return [violation('I4', topic, partition, raw.offset, message)];
    });
    const positions = history.positions.flatMap((committed): Violation[] => {
      const { partition, position, outcome } = committed;
      if (partition !== view.partition) return [];
      const delta = owners.deltaFor(committed, position - 1);
      if (delta === undefined || isVisible(committed) === isVisible(delta.raw)) return [];
      const message = `group offset ${position} is ${outcome}, its delta is ${delta.raw.outcome}`;
      return [violation('I4', history.topics.model, partition, delta.raw.offset, message)];
    });
    return [...answers, ...positions];
  });

/** I5: results of a partition are not in the order of its source, or an epoch falls. */
const disordered: Check = ({ history, partitions }) =>
  partitions.flatMap(({ partition, results, chain }) => {
    const found: Violation[] = [];
    let before = -1;
    for (const { topic, raw, offset, type } of results.filter((each) => isVisible(each.raw))) {
      if (offset < before) {
        const message = `${type} for source offset ${offset} stands behind one for ${before}`;
        found.push(violation('I5', topic, partition, raw.offset, message));
      }
      before = Math.max(before, offset);
    }
    let epoch = -1;
    for (const { raw, delta } of chain) {
      if (delta.epoch < epoch) {
        const message = `epoch falls from ${epoch} to ${delta.epoch}`;
        found.push(violation('I5', history.topics.model, partition, raw.offset, message));
      }
      epoch = Math.max(epoch, delta.epoch);
    }
    return found;
  });

/** I6: after some delta, the sums of a partition are not those that one thread learns from the same prefix. */
const wrongState: Check = ({ history, partitions }) =>
  partitions.flatMap((view) => {
    if (!view.whole) return [];
    const { partition, chain } = view;
    const { topics } = history;
    const state = stateOf(history);
    const fold = new PartitionFold(state, partition, history.fold);
    const source = new ChunkSource(view, topics.source);
    const difference = new SumDifference();
    if (chain[0] !== undefined) source.upTo(chain[0].delta.from);
    for (const { raw, delta } of chain) {
      const chunk = fold.stage(source.upTo(delta.to), delta.from, delta.epoch, delta.to);
      fold.commit(chunk);
      difference.add(deltaOf(chunk, topics.model), -1);
      difference.add(raw.value ?? new Uint8Array(), 1);
      const differs = difference.first();
      if (differs === undefined) continue;
      const message = `after [${delta.from}, ${delta.to}) cell ${differs.cell} is off by ${differs.by}`;
      return [violation('I6', topics.model, partition, raw.offset, message)];
    }
    return [];
  });

/** I7: a merged model is not the sum of the partitions at its positions. */
const wrongMerge: Check = ({ history, partitions }) => {
  if (!partitions.every(({ whole }) => whole)) return [];
  const { topics, merged } = history;
  const wanted = new Map(merged.map((each) => [JSON.stringify(each.positions), each.positions]));
  const hashes = new Map<string, ReadonlyMap<string, string> | undefined>();
  for (const [key, positions] of wanted)
    hashes.set(key, goldenHashes(history, partitions, positions));
  return merged.flatMap(({ name, model, positions, hash }) => {
    const golden = hashes.get(JSON.stringify(positions))?.get(model);
    if (golden === hash) return [];
    const at = positions[0] ?? -1;
    const message =
      golden === undefined
        ? `${name} stands at [${positions.join(', ')}], where no delta ends`
        : `'${model}' of ${name} at [${positions.join(', ')}] has hash ${hash.slice(0, 12)}, the sum of the partitions ${golden.slice(0, 12)}`;
    return [violation('I7', topics.model, 0, at, message)];
  });
};

/** I8: deltas that do not continue each other; group offsets that fall, or are not where a delta ends. */
const misplaced: Check = ({ history, partitions }) =>
  partitions.flatMap((view) => {
    const { partition, start, position, deltas, chain } = view;
    const { topics, positions } = history;
    const found: Violation[] = [];
    let at = chain[0]?.delta.from;
    for (const { raw, delta } of deltas.filter((each) => isVisible(each.raw))) {
      if (delta.from !== at) {
        const message = `delta [${delta.from}, ${delta.to}) where ${at} was next`;
        found.push(violation('I8', topics.model, partition, raw.offset, message));
      }
      at = Math.max(at ?? 0, delta.to);
    }
    const borders = new Set([
      start,
      chain[0]?.delta.from ?? start,
      ...chain.map((d) => d.delta.to),
    ]);
    let before = 0;
    const committed = positions.filter((each) => each.partition === partition && isVisible(each));
    for (const { position: offset } of committed) {
      const problem =
        offset < before
          ? `falls from ${before}`
          : offset > position
            ? `exceeds the position ${position}`
            : borders.has(offset) || !view.whole
              ? undefined
              : 'is not where a delta ends';
      before = Math.max(before, offset);
      if (problem === undefined) continue;
      found.push(violation('I8', topics.source, partition, offset, `the group offset ${problem}`));
    }
    const last = committed.at(-1)?.position;
    if (last !== undefined && last < position && chain.length > 0 && last >= before) {
      const message = `the group offset ends at ${last}, the deltas at ${position}`;
      found.push(violation('I8', topics.source, partition, last, message));
    }
    return found;
  });

/** I9: readers disagree about a record, or were handed one that the log does not hold. */
const disagreed: Check = ({ history }) => {
  const logs = indexed(history);
  const told = new Map<string, { readonly digest: string; readonly reader: string }>();
  return everySeen(history).flatMap(({ reader, seen }): Violation[] => {
    const { topic, partition, offset, digest } = seen;
    const key = `${topic}/${partition}/${offset}`;
    const before = told.get(key);
    if (before === undefined) told.set(key, { digest, reader });
    else if (before.digest !== digest) {
      const message = `${reader} and ${before.reader} were handed different records`;
      return [violation('I9', topic, partition, offset, message)];
    }
    const log = history.raw.get(topic)?.[partition];
    if (log === undefined || offset < log.start) return [];
    const record = logs.get(topic)?.[partition]?.get(offset);
    if (record !== undefined && digestOf(record) === digest) return [];
    // Aborted ones are I3.
    if (record !== undefined && !isVisible(record)) return [];
    const what = record === undefined ? 'no record' : 'another record';
    return [
      violation('I9', topic, partition, offset, `${reader} was handed what is ${what} in the log`),
    ];
  });
};

/** P1: an answer that does not come out again from its own prefix and the view of its delta, or a view that falls. */
const leaked: Check = (view) => {
  const { history, partitions } = view;
  const { topics } = history;
  if (!partitions.every(({ whole }) => whole)) return [];
  const found: Violation[] = partitions.flatMap(({ partition, chain }) =>
    chain.flatMap(({ raw, delta }, index): Violation[] => {
      const before = chain[index - 1]?.delta.seen ?? [];
      const fallen = delta.seen.findIndex((at, q) => (at ?? 0) < (before[q] ?? 0));
      if (fallen < 0) return [];
      const message = `seen of partition ${fallen} falls from ${before[fallen]} to ${delta.seen[fallen]}`;
      return [violation('P1', topics.model, partition, raw.offset, message)];
    }),
  );
  const told = partitions.map(
    ({ results }) =>
      new Map(
        results
          .filter((each) => isVisible(each.raw))
          .map((each) => [`${each.offset}/${each.type}/${each.model}`, each]),
      ),
  );
  const impossible = recompute(view, ({ partition, offset, type, model, value }) => {
    const answer = told[partition]?.get(`${offset}/${type}/${model}`);
    if (answer === undefined) return;
    if (Buffer.from(answer.raw.value ?? []).toString() === value) return;
    const message = `${type} for source offset ${offset} should be ${value.slice(0, 200)}`;
    found.push(violation('P1', topics.results, partition, answer.raw.offset, message));
  });
  const views = impossible.map(({ partition, from }) =>
    violation('P1', topics.source, partition, from, 'predicted with deltas that came after it'),
  );
  return [...found, ...views];
};

/** L1: after the last healing, a partition is not folded to its end in time. */
const standing: Check = ({ history, partitions }, { settleMs }) => {
  const behind = partitions.flatMap(({ partition, source, position }) => {
    const end = (source.at(-1)?.offset ?? -1) + 1;
    if (position >= end) return [];
    const message = `stands at ${position}, ${source.filter((r) => r.offset >= position).length} records before the end`;
    return [violation('L1', history.topics.source, partition, position, message)];
  });
  const { settledMs } = history;
  if (behind.length > 0 || (settledMs !== undefined && settledMs <= settleMs)) return behind;
  const message = `lag came to 0 after ${settledMs ?? 'more than all the'} ms, allowed are ${settleMs}`;
  return [violation('L1', history.topics.source, 0, 0, message)];
};

/** L2: committed readers are held back for longer than a transaction may be open. */
const heldBack: Check = ({ history }, { openMs }) => {
  const found: Violation[] = [];
  for (const [topic, logs] of history.raw) {
    for (const [partition, { stable, end }] of logs.entries()) {
      if (stable >= end) continue;
      const message = `a transaction is still open at the end (${end})`;
      found.push(violation('L2', topic, partition, stable, message));
    }
  }
  const since = new Map<string, { readonly stable: number; readonly atMs: number; last: number }>();
  for (const { atMs, topic, partition, stable, end } of history.stable) {
    const key = `${topic}/${partition}`;
    const held = since.get(key);
    // A pause between samples means that the broker was away: its clock of open transactions begins anew.
    if (held?.stable === stable && stable < end && atMs - held.last < 3000) {
      held.last = atMs;
      if (atMs - held.atMs <= openMs) continue;
      const message = `held back for ${Math.round(atMs - held.atMs)} ms`;
      found.push(violation('L2', topic, partition, stable, message));
      since.delete(key);
    } else since.set(key, { stable, atMs, last: atMs });
  }
  return found;
};

const CHECKS: readonly Check[] = [
  lost,
  duplicated,
  abortedRead,
  torn,
  disordered,
  wrongState,
  wrongMerge,
  misplaced,
  disagreed,
  leaked,
  standing,
  heldBack,
];

/** Deltas by who wrote them: a producer's id and epoch last for one claim, and a claim folds each record once. */
class Writers {
  readonly #byWriter = new Map<string, PartitionView['deltas'][number][]>();
  readonly #firstKept: number;

  constructor({ deltas }: PartitionView) {
    for (const each of deltas) {
      const key = writerOf(each.raw);
      this.#byWriter.set(key, [...(this.#byWriter.get(key) ?? []), each]);
    }
    this.#firstKept = deltas.find(({ raw }) => raw.producer !== '')?.delta.from ?? 0;
  }

  /** The delta that the same claim wrote for a source offset. */
  deltaFor(
    writer: { readonly producer: string; readonly epoch: number },
    offset: number,
  ): PartitionView['deltas'][number] | undefined {
    return this.#byWriter
      .get(writerOf(writer))
      ?.find(({ delta }) => delta.from <= offset && offset < delta.to);
  }

  /** True where the dump no longer holds the delta, nor who wrote it. */
  isTrimmed(offset: number): boolean {
    return offset < this.#firstKept;
  }
}

function writerOf({
  producer,
  epoch,
}: {
  readonly producer: string;
  readonly epoch: number;
}): string {
  return `${producer}/${epoch}`;
}

function visible({ results, deadLetters }: PartitionView): readonly Answer[] {
  return [...results, ...deadLetters].filter((each) => isVisible(each.raw));
}

/** Source offsets whose answer was written with their committed delta, but cannot be seen: I4 tells of them. */
function hiddenAnswers(view: PartitionView): ReadonlySet<number> {
  const owners = new Writers(view);
  return new Set(
    [...view.results, ...view.deadLetters]
      .filter(({ raw, offset }) => {
        const delta = isVisible(raw) ? undefined : owners.deltaFor(raw, offset);
        return delta !== undefined && isVisible(delta.raw);
      })
      .map(({ offset }) => offset),
  );
}

function isInChain(view: PartitionView | undefined, from: number, to: number): boolean {
  if (view === undefined) return false;
  if (!view.whole && from < (view.chain[0]?.delta.from ?? Infinity)) return true;
  return view.chain.some(({ delta }) => delta.from === from && delta.to === to);
}

/** Hashes by model of the sums at some positions; undefined where a position is no border. */
function goldenHashes(
  history: History,
  partitions: readonly PartitionView[],
  positions: readonly (number | undefined)[],
): ReadonlyMap<string, string> | undefined {
  const state = stateOf(history);
  for (const view of partitions) {
    const until = positions[view.partition];
    const first = view.chain[0]?.delta.from;
    if (until === undefined || first === undefined || until === first) continue;
    if (!view.chain.some(({ delta }) => delta.to === until)) return undefined;
    const fold = new PartitionFold(state, view.partition, history.fold);
    const source = new ChunkSource(view, history.topics.source);
    source.upTo(first);
    for (const { delta } of view.chain) {
      if (delta.to > until) break;
      fold.commit(fold.stage(source.upTo(delta.to), delta.from, delta.epoch, delta.to));
    }
  }
  return new Map(state.models.map(({ name, model }) => [name, modelHash(model)]));
}

function everySeen({
  readers,
}: History): readonly { readonly reader: string; readonly seen: SeenRecord }[] {
  return readers.flatMap(({ name, seen }) => seen.map((each) => ({ reader: name, seen: each })));
}

/** Raw records by topic, partition and offset. */
function indexed(history: History): ReadonlyMap<string, readonly ReadonlyMap<number, RawRecord>[]> {
  return new Map(
    [...history.raw].map(([topic, logs]) => [
      topic,
      logs.map(({ records }) => new Map(records.map((record) => [record.offset, record]))),
    ]),
  );
}

/** Id of a source record: its key. */
function idOf({ key }: RawRecord): string {
  return key === null ? '' : Buffer.from(key).toString();
}

function violation(
  invariant: Invariant,
  topic: string,
  partition: number,
  offset: number,
  message: string,
): Violation {
  return { invariant, topic, partition, offset, message };
}
