/** A good history: the real pipeline on the log in memory, three partitions, owners that come and go. */
import { MemoryEventLog } from '../../../src/adapters/memory/event-log.ts';
import { MemoryStore } from '../../../src/adapters/memory/store.ts';
import { ClassRules } from '../../../src/pipeline/classes.ts';
import { readDelta, type ReadDelta } from '../../../src/pipeline/delta-reader.ts';
import { FOLD_DEFAULTS } from '../../../src/pipeline/fold.ts';
import { loadModel } from '../../../src/pipeline/inspect.ts';
import { runSubscriber } from '../../../src/pipeline/subscriber.ts';
import type { LogRecord } from '../../../src/ports/event-log.ts';
import { topicSpecs } from '../../../src/ports/topic-specs.ts';
import { ResultValue, topicNames } from '../../../topics/index.ts';
import { awkwardStream } from '../kill-campaign.ts';
import {
  digestOf,
  type AcknowledgedChunk,
  type History,
  type RawPartition,
  type RawPosition,
  type RawRecord,
  type SeenRecord,
  type SentRecord,
} from './history.ts';

const PIPELINE = 'planted';
/** A small table: it is made, hashed and copied often. */
const MODELS = [{ name: 'champion', kind: 'gtnb:bits=12', role: 'champion' }] as const;
const PARTITIONS = 3;
/** There are many histories, and each check folds all of them again. */
const RECORDS = 750;
const DECLARED = ['negative', 'positive'];

/** @param seed of the stream */
export async function memoryHistory(seed: number): Promise<History> {
  const store = new MemoryStore();
  const log = new MemoryEventLog(store);
  const topics = topicNames(PIPELINE);
  await log.ensureTopics(topicSpecs(topics, PARTITIONS));
  const records = awkwardStream(1, seed).slice(0, RECORDS);
  const sent: SentRecord[] = [];
  const chunks: AcknowledgedChunk[] = [];
  const owner = async (name: string): Promise<void> => {
    const client = new MemoryEventLog(store);
    await runSubscriber({
      log: client,
      pipeline: PIPELINE,
      models: MODELS,
      partitions: PARTITIONS,
      untilEnd: true,
      onEvent: (event) => {
        if (event.type !== 'chunk') return;
        const { partition, from, to } = event;
        chunks.push({ process: name, partition, from, to });
      },
    });
    await client.close();
  };
  const parts = 8;
  for (let part = 0; part < parts; part++) {
    const slice = records.filter((_, at) => at % parts === part);
    for (const record of slice) {
      const id = 'id' in record ? String(record.id) : '';
      const [outcome] = await log.append(topics.source, [
        { key: id, value: JSON.stringify(record) },
      ]);
      if (outcome?.status !== 'ok') throw new Error('an append failed');
      sent.push({ id, partition: outcome.partition, offset: outcome.offset });
    }
    await Promise.all([owner(`${part}-a`), owner(`${part}-b`)]);
  }
  const { state } = await loadModel({ log, pipeline: PIPELINE, topics, declared: DECLARED });
  const read = await readAll(log, Object.values(topics));
  const deltas = (read.get(topics.model) ?? []).map((held) =>
    held.map(({ value }) => readDelta(value ?? new Uint8Array())),
  );
  const raw = new Map(
    [...read].map(([topic, partitions]): [string, readonly RawPartition[]] => [
      topic,
      partitions.map((held, partition) =>
        rawPartition(held, (record) =>
          writerOf(record, topic === topics.source, deltas[partition] ?? []),
        ),
      ),
    ]),
  );
  await log.close();
  const seen = [...read].flatMap(([topic, partitions]) =>
    partitions.flatMap((held) =>
      held.map((record): SeenRecord => ({
        topic,
        partition: record.partition,
        offset: record.offset,
        digest: digestOf(record),
        ...(topic === topics.model ? { value: record.value } : {}),
      })),
    ),
  );
  return {
    pipeline: PIPELINE,
    topics,
    models: MODELS,
    analyzer: 'river',
    fold: { ...FOLD_DEFAULTS, topics, classes: new ClassRules({ declared: DECLARED }) },
    raw,
    positions: deltas.flatMap((held, partition) =>
      held.map(({ to, epoch }): RawPosition => ({
        partition,
        position: to,
        producer: String(partition),
        epoch,
        outcome: 'committed',
      })),
    ),
    readers: ['left', 'right'].map((name) => ({ name, seen })),
    sent,
    chunks,
    merged: [
      {
        name: 'model hash',
        model: 'champion',
        positions: [...state.positions],
        hash: state.hash('champion').hash,
      },
    ],
    stable: [],
    settledMs: 100,
  };
}

async function readAll(
  log: MemoryEventLog,
  topics: readonly string[],
): Promise<ReadonlyMap<string, readonly (readonly LogRecord[])[]>> {
  const all = new Map<string, (readonly LogRecord[])[]>();
  for (const topic of topics) {
    const described = await log.describeTopic(topic);
    const partitions: (readonly LogRecord[])[] = [];
    for (const partition of described?.partitions.keys() ?? []) {
      const { records } = await log.read(topic, partition, {
        from: 0,
        maxRecords: 1_000_000,
        maxBytes: 1 << 30,
      });
      partitions.push(records);
    }
    all.set(topic, partitions);
  }
  return all;
}

interface Writer {
  readonly producer: string;
  readonly epoch: number;
}

/** On this log a claim is the writer: found by the source offset that a record speaks of. */
function writerOf(
  record: LogRecord,
  plain: boolean,
  deltas: readonly ReadDelta[],
): Writer | undefined {
  if (plain) return undefined;
  const { headers, key, value } = record;
  const origin = headers.find(([name]) => name === '__streams.errors.offset');
  const text = Buffer.from(value ?? []).toString();
  const offset =
    origin !== undefined
      ? Number(Buffer.from(origin[1]).toString())
      : key === null
        ? readDelta(value ?? new Uint8Array()).from
        : ResultValue.parse(JSON.parse(text)).source.offset;
  const delta = deltas.find(({ from, to }) => from <= offset && offset < to);
  return { producer: String(record.partition), epoch: delta?.epoch ?? -1 };
}

function rawPartition(
  records: readonly LogRecord[],
  writer: (record: LogRecord) => Writer | undefined,
): RawPartition {
  const raw = records.map((record): RawRecord => {
    const { offset, timestamp, key, value, headers } = record;
    const by = writer(record);
    return {
      offset,
      timestamp,
      key,
      value,
      headers,
      producer: by?.producer ?? '-1',
      epoch: by?.epoch ?? -1,
      outcome: by === undefined ? 'plain' : 'committed',
    };
  });
  return { start: 0, end: records.length, stable: records.length, records: raw };
}
