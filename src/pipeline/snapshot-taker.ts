/**
 * The snapshot taker: writes what was learned beside the model topic, piece by piece between chunks, and then lets go of deltas
 * that nobody needs any more.
 *
 *   due? ─► capture, at one instant ─► a piece a step ─► header ─► read back ─► trim the model topic
 *
 * Each piece is a transaction of the partition's owner, so that one who lost the partition writes nothing more; what is left of a
 * snapshot that was broken off is passed over by readers, and overwritten by the next.
 *
 * Due: when the deltas since the last snapshot are `everyBytes`, and twice the size of that snapshot. So what a start reads, a
 * snapshot and the deltas behind it, stays within a multiple of the model's size, and what snapshots cost to write, a fraction of
 * what deltas cost.
 */
import { createHash, type Hash } from 'node:crypto';
import { crashPoint } from '../crash-point.ts';
import { isValenceError } from '../errors.ts';
import type { EventLog, OwnedPartition } from '../ports/event-log.ts';
import type { CarryHeader, SnapshotHeader, SumsHeader, TopicNames } from '../../topics/index.ts';
import { encodeCarry } from './carry-snapshot.ts';
import type { PartitionFold } from './fold.ts';
import type { ModelFollower } from './follower.ts';
import {
  CHUNK_BYTES,
  chunkRecord,
  headerRecords,
  type Slot,
  type SnapshotRecord,
  type SnapshotTopic,
  type Subject,
} from './snapshot-topic.ts';
import type { PipelineState } from './state.ts';
import { encodeSums } from './sums-snapshot.ts';

export interface SnapshotOptions {
  /** Least size of deltas between two snapshots, bytes. */
  readonly everyBytes: number;
  /** Never delete deltas. */
  readonly keepDeltas: boolean;
}

/** What a taker tells. */
export type SnapshotEvent =
  | {
      /** A snapshot was written and read back. `kind`: the merged sums, or the carry of a partition. */
      readonly type: 'snapshot';
      readonly kind: 'sums' | 'carry';
      readonly partition: number;
      readonly bytes: number;
      readonly durationMs: number;
    }
  | {
      /** Something that only costs room or time was refused; told once. */
      readonly type: 'warning';
      readonly partition: number;
      readonly code: string;
      readonly message: string;
    };

/** What the takers of a process share. */
export interface SnapshotContext extends SnapshotOptions {
  readonly log: EventLog;
  readonly pipeline: string;
  readonly topics: Pick<TopicNames, 'model' | 'snapshots'>;
  readonly state: PipelineState;
  readonly follower: ModelFollower;
  readonly snapshots: SnapshotTopic;
  /** Partitions of this process: their deltas are not followed. */
  readonly owned: ReadonlySet<number>;
  readonly onEvent: (event: SnapshotEvent) => void;
  /** Monotonic ms. */
  readonly now: () => number;
  /** Warnings that were given. */
  readonly warned: Set<string>;
}

/** A snapshot that is being written. */
interface Job {
  readonly subject: Subject;
  readonly slot: Slot;
  readonly sequence: number;
  readonly pieces: Iterator<Uint8Array>;
  readonly hash: Hash;
  readonly header: HeaderStart;
  readonly started: number;
  chunks: number;
  bytes: number;
}

type Counted = 'sequence' | 'chunks' | 'bytes' | 'checksum' | 'version';
type HeaderStart = Omit<SumsHeader, Counted> | Omit<CarryHeader, Counted>;

/** How long a header that was committed may take to show, ms. */
const SHOWS_WITHIN_MS = 5000;
const LOOK_MS = 250;

/** Of one claim of a partition. Its steps must not overlap with the chunks of that partition. */
export class SnapshotTaker {
  readonly #context: SnapshotContext;
  readonly #owned: OwnedPartition;
  readonly #fold: PartitionFold;
  readonly #subjects: readonly Subject[];
  #job: Job | undefined;
  /** By kind: size of deltas below which none is tried again, after one that failed. */
  readonly #notBefore = new Map<Subject['kind'], number>();

  constructor(context: SnapshotContext, owned: OwnedPartition, fold: PartitionFold) {
    const { partition } = owned;
    this.#context = context;
    this.#owned = owned;
    this.#fold = fold;
    const carry = { kind: 'carry', partition } as const;
    this.#subjects = partition === 0 ? [{ kind: 'sums' }, carry] : [carry];
  }

  /** A snapshot is being written, or due: the next step is wanted soon. */
  get isBusy(): boolean {
    return this.#job !== undefined || this.#subjects.some((subject) => this.#isDue(subject));
  }

  /**
   * Begins a snapshot if one is due, and writes its next piece.
   *
   * @throws what `transact` does: the claim is over then
   */
  async step(): Promise<void> {
    this.#job ??= await this.#begin();
    const job = this.#job;
    if (job === undefined) return;
    const piece = job.pieces.next();
    if (piece.done !== true) {
      await this.#write(job, piece.value);
      return;
    }
    await this.#complete(job);
    this.#job = undefined;
    if (!(await this.#verify(job))) {
      this.#putOff(job.subject);
      return;
    }
    this.#context.onEvent({
      type: 'snapshot',
      kind: job.subject.kind,
      partition: this.#owned.partition,
      bytes: job.bytes,
      durationMs: this.#context.now() - job.started,
    });
    await this.#trim(job.subject);
  }

  /** Writes what is left of a snapshot that was begun, and those that are due, unless that takes longer. */
  async finish(withinMs: number): Promise<void> {
    const { now } = this.#context;
    for (const start = now(); this.isBusy && now() - start < withinMs;) await this.step();
  }

  async #begin(): Promise<Job | undefined> {
    const subject = this.#subjects.find((each) => this.#isDue(each));
    if (subject === undefined) return undefined;
    const { snapshots, now } = this.#context;
    const started = now();
    const captured =
      subject.kind === 'sums' ? await this.#captureSums() : await this.#captureCarry(subject);
    // A delta that was committed does not show: the log is not well, or the partition is lost.
    if (captured === undefined) {
      this.#putOff(subject);
      return undefined;
    }
    const { slot, sequence } = snapshots.next(subject);
    const hash = createHash('sha256');
    return { subject, slot, sequence, hash, started, ...captured, chunks: 0, bytes: 0 };
  }

  #isDue(subject: Subject): boolean {
    const { snapshots, everyBytes, warned } = this.#context;
    if (warned.has('CHUNK_TOO_LARGE')) return false;
    const taught = this.#taught(subject);
    if (taught < everyBytes || taught < (this.#notBefore.get(subject.kind) ?? 0)) return false;
    const header = snapshots.whole(subject)[0]?.header;
    const since = taught - (header === undefined ? 0 : taughtOf(header));
    return since >= Math.max(everyBytes, 2 * (header?.bytes ?? 0));
  }

  /** Size of all deltas that a snapshot would hold, bytes. */
  #taught(subject: Subject): number {
    const { taught } = this.#context.state;
    if (subject.kind === 'carry') return taught[subject.partition] ?? 0;
    return taught.reduce((sum, bytes) => sum + bytes, 0);
  }

  #putOff(subject: Subject): void {
    const { everyBytes } = this.#context;
    this.#notBefore.set(subject.kind, this.#taught(subject) + everyBytes);
  }

  async #captureSums(): Promise<Pick<Job, 'pieces' | 'header'> | undefined> {
    const { pipeline, state, follower } = this.#context;
    // One instant, up to the first wait.
    const capture = state.capture();
    const places = follower.places();
    const positions = [...state.positions];
    const taught = [...state.taught];
    const partitions: SumsHeader['partitions'] = [];
    for (const [partition, place] of places.entries()) {
      const position = positions[partition];
      const model = await follower.locate(partition, place, position);
      if (model === undefined) return undefined;
      // A claim knows a position before anything was taught: it is nobody else's yet.
      const size = taught[partition] ?? 0;
      partitions.push({ position: size > 0 ? (position ?? null) : null, model, taught: size });
    }
    // What lies below the place may be deleted: the snapshot then tells who is champion.
    if (follower.promotions.next < (partitions[0]?.model ?? 0)) await follower.promotions.catchUp();
    if (follower.promotions.next < (partitions[0]?.model ?? 0)) return undefined;
    const { promotion } = state;
    const told = promotion.at < 0 ? {} : { promotion };
    const models = capture.models.map(({ name, kind, extractor, sums: { forgotten } }) => {
      const model = { name, kind, extractor };
      return forgotten === 0 ? model : { ...model, forgotten };
    });
    return {
      header: { kind: 'sums', pipeline, ...told, models, labels: [...state.declared], partitions },
      pieces: encodeSums(capture, CHUNK_BYTES),
    };
  }

  async #captureCarry({
    partition,
  }: {
    readonly partition: number;
  }): Promise<Pick<Job, 'pieces' | 'header'> | undefined> {
    const { pipeline, state, follower } = this.#context;
    const capture = this.#fold.capture();
    const place = follower.places()[partition];
    const position = state.positions[partition];
    const taught = state.taught[partition] ?? 0;
    if (place === undefined) return undefined;
    const model = await follower.locate(partition, place, position);
    if (model === undefined) return undefined;
    const extractors = [...new Set(capture.carries.map(({ extractor }) => extractor))];
    const at = { partition, position: position ?? null, model, taught };
    return {
      header: { kind: 'carry', pipeline, extractors, ...at },
      pieces: encodeCarry(capture, state.extractors, CHUNK_BYTES),
    };
  }

  async #write(job: Job, piece: Uint8Array): Promise<void> {
    const { topics } = this.#context;
    const record = chunkRecord(topics.snapshots, job, job.chunks, piece);
    job.chunks += 1;
    job.bytes += piece.length;
    job.hash.update(piece);
    await this.#transact([record]);
    crashPoint('snapshotChunk');
  }

  async #complete(job: Job): Promise<void> {
    const { topics, snapshots } = this.#context;
    const { subject, slot, sequence, chunks, bytes } = job;
    const checksum = job.hash.digest('hex');
    const header: SnapshotHeader = {
      version: 2,
      sequence,
      chunks,
      bytes,
      checksum,
      ...job.header,
    };
    const surplus = snapshots.surplus(subject, slot, chunks);
    const records = headerRecords(topics.snapshots, job, header, surplus);
    await this.#transact(records);
  }

  async #transact(records: readonly SnapshotRecord[]): Promise<void> {
    try {
      await this.#owned.transact({ records, position: undefined });
    } catch (error) {
      // The claim is over, and the next would meet the same: no snapshot is written any more, which costs room only.
      if (isValenceError(error) && error.code === 'CHUNK_TOO_LARGE')
        this.#warn(
          error.code,
          `${this.#context.topics.snapshots} does not take records of ${CHUNK_BYTES} bytes: no snapshots are written; raise its max.message.bytes`,
        );
      throw error;
    }
  }

  /** Reads it back, as a start would. */
  async #verify({ subject, sequence }: Job): Promise<boolean> {
    const { snapshots, now } = this.#context;
    for (const start = now(); now() - start < SHOWS_WITHIN_MS;) {
      await snapshots.refresh(LOOK_MS);
      const [newest] = snapshots.whole(subject);
      if (newest?.header.sequence === sequence)
        return (await snapshots.content(newest)) !== undefined;
    }
    return false;
  }

  /** Deletes deltas that both slots of the sums and both of the partition's carry hold. */
  async #trim(subject: Subject): Promise<void> {
    const { log, topics, snapshots, keepDeltas, state } = this.#context;
    if (keepDeltas) return;
    const partitions = subject.kind === 'sums' ? state.positions.keys() : [subject.partition];
    try {
      const topic = await log.describeTopic(topics.model);
      for (const partition of partitions) {
        const before = neededFrom(snapshots, partition);
        const start = topic?.partitions[partition]?.start ?? 0;
        if (before > start) await log.trim(topics.model, partition, before);
      }
    } catch (error) {
      if (!isValenceError(error)) throw error;
      // Room, not truth, is at stake: a log that is busy is asked again after the next snapshot.
      if (error.recovery !== 'retry') this.#warn(error.code, error.message);
    }
  }

  #warn(code: string, message: string): void {
    const { warned, onEvent } = this.#context;
    if (warned.has(code)) return;
    warned.add(code);
    onEvent({ type: 'warning', partition: this.#owned.partition, code, message });
  }
}

/** First offset of the model topic that a start from any whole snapshot reads; 0 unless both slots of both kinds are whole. */
function neededFrom(snapshots: SnapshotTopic, partition: number): number {
  const sums = snapshots.whole({ kind: 'sums' });
  const carries = snapshots.whole({ kind: 'carry', partition });
  if (sums.length < 2 || carries.length < 2) return 0;
  return Math.min(
    ...sums.map(({ header }) => header.partitions[partition]?.model ?? 0),
    ...carries.map(({ header }) => header.model),
  );
}

function taughtOf(header: SnapshotHeader): number {
  if (header.kind === 'carry') return header.taught;
  return header.partitions.reduce((sum, { taught }) => sum + taught, 0);
}
