/** A history, decoded and indexed once for all checks. */
import { readDelta, type ReadDelta } from '../../../src/pipeline/delta-reader.ts';
import { ResultValue } from '../../../topics/index.ts';
import { isVisible, type History, type RawRecord } from './history.ts';

export interface SeenDelta {
  readonly raw: RawRecord;
  readonly delta: ReadDelta;
}

/** A record of `results` or `dlq`, and the source record that it answers. */
export interface Answer {
  readonly topic: string;
  readonly partition: number;
  readonly raw: RawRecord;
  /** Type of the result, or `dead letter`. */
  readonly type: ResultValue['type'] | 'dead letter';
  /** Name of the model; '' on dead letters. */
  readonly model: string;
  /** Source offset. */
  readonly offset: number;
  readonly idle: boolean;
  /** CloudEvents id; '' on dead letters. */
  readonly event: string;
}

export interface PartitionView {
  readonly partition: number;
  /** All that was ever written, in the order of the log. */
  readonly deltas: readonly SeenDelta[];
  readonly results: readonly Answer[];
  readonly deadLetters: readonly Answer[];
  /** Visible deltas that continue each other, in order: repeats and what follows a gap left out. */
  readonly chain: readonly SeenDelta[];
  /** False: deltas between the genesis and the chain were trimmed, and no reader kept them. */
  readonly whole: boolean;
  /** Source range of the dump. */
  readonly start: number;
  readonly end: number;
  /** Next source offset to fold, as the deltas tell. */
  readonly position: number;
  /** Visible source records. */
  readonly source: readonly RawRecord[];
}

export interface View {
  readonly history: History;
  readonly partitions: readonly PartitionView[];
}

const text = new TextDecoder();

export function viewOf(history: History): View {
  const { raw, topics } = history;
  const sources = raw.get(topics.source) ?? [];
  return {
    history,
    partitions: sources.map((source, partition): PartitionView => {
      const deltas = deltasOf(history, partition);
      const chain = chainOf(deltas.filter((each) => isVisible(each.raw)));
      const first = chain[0]?.delta.from;
      return {
        partition,
        deltas,
        chain,
        whole: first === undefined || first <= source.start,
        results: (raw.get(topics.results)?.[partition]?.records ?? []).flatMap((record) =>
          resultOf(record, topics.results, partition),
        ),
        deadLetters: (raw.get(topics.dlq)?.[partition]?.records ?? []).map((record) =>
          deadLetterOf(record, topics.dlq, partition),
        ),
        start: source.start,
        end: source.end,
        position: chain.at(-1)?.delta.to ?? committedPosition(history, partition) ?? source.start,
        source: source.records.filter((record) => isVisible(record)),
      };
    }),
  };
}

/** Deltas of the dump, and before them those that were trimmed since but that a reader was handed. */
function deltasOf(history: History, partition: number): readonly SeenDelta[] {
  const { topics, readers } = history;
  const log = history.raw.get(topics.model)?.[partition];
  if (log === undefined) return [];
  const trimmed = new Map<number, Uint8Array>();
  for (const { seen } of readers) {
    for (const { topic, partition: of, offset, value } of seen) {
      if (topic !== topics.model || of !== partition || offset >= log.start) continue;
      if (value !== undefined && value !== null && isDelta(value)) trimmed.set(offset, value);
    }
  }
  const old = [...trimmed]
    .toSorted(([a], [b]) => a - b)
    .map(([offset, value]): SeenDelta => {
      const raw: RawRecord = {
        offset,
        value,
        timestamp: 0,
        key: null,
        headers: [],
        producer: '',
        epoch: -1,
        outcome: 'committed',
      };
      return { raw, delta: readDelta(value) };
    });
  const kept = log.records.flatMap((record): SeenDelta[] =>
    record.key === null && record.value !== null && isDelta(record.value)
      ? [{ raw: record, delta: readDelta(record.value) }]
      : [],
  );
  const first = kept.find((each) => isVisible(each.raw))?.delta.from;
  const joined = first === undefined || chainOf(old).at(-1)?.delta.to === first;
  return joined ? [...old, ...kept] : kept;
}

/** Where all deltas were trimmed, the group offset is what is left. */
function committedPosition(history: History, partition: number): number | undefined {
  return history.positions.findLast((each) => each.partition === partition && isVisible(each))
    ?.position;
}

function isDelta(value: Uint8Array): boolean {
  return value[0] === 0x56 && value[1] === 0x44;
}

function chainOf(deltas: readonly SeenDelta[]): readonly SeenDelta[] {
  const chain: SeenDelta[] = [];
  let position: number | undefined;
  for (const each of deltas) {
    const { from, to } = each.delta;
    if (position !== undefined && to <= position) continue;
    if (position !== undefined && from !== position) break;
    chain.push(each);
    position = to;
  }
  return chain;
}

function resultOf(raw: RawRecord, topic: string, partition: number): readonly Answer[] {
  if (raw.value === null) return [];
  const result = ResultValue.parse(JSON.parse(text.decode(raw.value)));
  const { type, model, source } = result;
  const idle = type === 'metrics' && result.idle === true;
  const event = headerOf(raw, 'ce_id');
  return [{ topic, partition, raw, type, model, offset: source.offset, idle, event }];
}

function deadLetterOf(raw: RawRecord, topic: string, partition: number): Answer {
  const offset = Number(headerOf(raw, '__streams.errors.offset'));
  return { topic, partition, raw, type: 'dead letter', model: '', offset, idle: false, event: '' };
}

function headerOf({ headers }: RawRecord, wanted: string): string {
  // The last one counts: a dead letter keeps the headers of its record before its own.
  const found = headers.findLast(([name]) => name === wanted);
  return found === undefined ? '' : text.decode(found[1]);
}
