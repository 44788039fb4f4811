/**
 * The log port: what Valence needs of an event log, in the domain's words. Adapters: memory (tests, the readable reference),
 * SQLite (the embedded default), Kafka. No driver type, connection, cursor or driver error passes this line.
 *
 *   producer ──append──► topic/partition ──read──► follower
 *                              │
 *                             own ──► OwnedPartition ──transact──► outputs + delta + position, all or nothing
 *
 * Errors are ValenceErrors: LOG_UNAVAILABLE (retry), EPOCH_FENCED and COMMIT_UNKNOWN (reclaim), the LOG_… codes (stop).
 */

/** Header names may repeat; order is kept. */
export type Headers = readonly (readonly [name: string, value: Uint8Array])[];

/** One committed entry of a topic. */
export interface LogRecord {
  readonly topic: string;
  readonly partition: number;
  /** Place in the partition, a safe integer >= 0. Grows; may skip (transaction markers, compaction). */
  readonly offset: number;
  /** The log's own timestamp, ms since the epoch. Stored, so the same at every reading. */
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Headers;
}

/** An entry to write. Strings are written as UTF-8. */
export interface NewRecord {
  /** Omitted: chosen from the key as Kafka's default partitioner does (murmur2), round robin without a key. */
  readonly partition?: number;
  readonly key: string | Uint8Array | null;
  readonly value: string | Uint8Array | null;
  readonly headers?: readonly (readonly [name: string, value: string | Uint8Array])[];
  /** ms since the epoch; omitted: the time of writing. */
  readonly timestamp?: number;
}

/** What became of one record of an append. `unknown`: it may or may not be in the log (a lost answer). */
export type AppendOutcome =
  | { readonly status: 'ok'; readonly partition: number; readonly offset: number }
  | { readonly status: 'failed' | 'unknown'; readonly error: Error };

/** A named place of a producer (a file's byte position, say), kept by the log beside the records it speaks of. */
export interface Checkpoint {
  readonly name: string;
  readonly value: string;
}

export interface TopicSpec {
  readonly name: string;
  /** Used only when the topic is created. */
  readonly partitions: number;
  readonly cleanup: 'delete' | 'compact';
  /** ms; undefined: kept for ever. */
  readonly retentionMs: number | undefined;
  /** Further settings by the broker's own names; logs that have no such setting ignore them. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** What `ensureTopics` did and saw. A difference is reported, never repaired. */
export interface TopicReport {
  readonly name: string;
  readonly status: 'created' | 'exists' | 'differs';
  /** One sentence a difference: setting, expected, found. */
  readonly differences: readonly string[];
}

export interface TopicDescription {
  readonly name: string;
  readonly cleanup: 'delete' | 'compact';
  readonly retentionMs: number | undefined;
  /** By partition: the first offset still kept, and the offset after the last committed record. */
  readonly partitions: readonly { readonly start: number; readonly end: number }[];
  /** How many brokers keep a copy of each partition, the fewest; undefined: the log keeps no copies. */
  readonly replicas?: number;
  /** Further settings by the broker's own names, where the log has such and lets us see them. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface ReadOptions {
  /** First offset wanted. Below the partition's start: reading begins at the start (compare `records[0].offset`). */
  readonly from: number;
  /** Default 500. */
  readonly maxRecords?: number;
  /** Sum of key and value sizes after which a batch is closed; at least one record is given. Default 4 MiB. */
  readonly maxBytes?: number;
  /** How long to wait for a first record, ms. Default 0: answer at once. */
  readonly waitMs?: number;
  /** Aborting ends a wait early with what is there: an empty batch, not an error. */
  readonly signal?: AbortSignal;
}

export interface Batch {
  /** Committed records in offset order; empty: nothing there (yet). */
  readonly records: readonly LogRecord[];
  /** Where to read on, >= from. May pass offsets without a record. */
  readonly next: number;
  /** The partition's end when the batch was read: `next >= end` means caught up. */
  readonly end: number;
}

/** What one transaction makes visible. */
export interface Commit {
  /** Records to any topics; `partition` must be set on each. */
  readonly records: readonly (NewRecord & { readonly topic: string; readonly partition: number })[];
  /** Next source offset to fold; undefined leaves it where it is (a transaction without progress, such as idle metrics). */
  readonly position: number | undefined;
}

/** One source partition, ours until somebody claims it with a higher epoch. */
export interface OwnedPartition {
  readonly topic: string;
  readonly partition: number;
  /** Grows with each claim of the partition, whoever makes it. */
  readonly epoch: number;
  /** Offset in this partition of the fence topic below which everything that earlier owners committed lies. */
  readonly fence: number;
  /** The group's position as far as the log keeps one: a hint. The deltas in the model topic are the truth. */
  readonly committed: number | undefined;
  /** Aborted when the partition is taken away, or `own` is asked to end: finish the chunk in hand and return. */
  readonly signal: AbortSignal;
  /**
   * Source records from `from` on, as `EventLog.read`, keeping the claim alive while it waits. Yields to the event loop at
   * least once a call, so that a loop over it starves nobody.
   *
   * @throws EPOCH_FENCED somebody else owns the partition
   */
  next(options: Omit<ReadOptions, 'signal'>): Promise<Batch>;
  /**
   * Makes the records and the position visible together, or neither. Durable (as the log is configured) when it resolves.
   * After an error it must not be called again: leave the handler with the error, and the partition is claimed anew.
   *
   * @throws EPOCH_FENCED somebody else owns it; nothing was written
   * @throws COMMIT_UNKNOWN the answer was lost; the next claim tells
   */
  transact(commit: Commit): Promise<void>;
}

export interface OwnOptions {
  /** Consumer group: its members share the partitions. */
  readonly group: string;
  readonly topic: string;
  /**
   * Topic whose end at the claim fences earlier owners (the model topic). Same number of partitions. Undefined: the owner writes
   * no state, so that the group's position is the truth; `fence` is then 0.
   */
  readonly fenceTopic?: string;
  /**
   * Where the log fences writers by a name of theirs (Kafka's transactional id): the beginning of that name, to which
   * `.<partition>` is added. Default: `<group>.fold`.
   */
  readonly transactionalId?: string;
  readonly signal: AbortSignal;
  /** Called each time the log has confirmed that this member is alive; for health. */
  readonly onHeartbeat?: () => void;
  /** Called when a partition is claimed, released or lost, for logs and health. */
  readonly onChange?: (change: {
    readonly type: 'claimed' | 'released' | 'fenced';
    readonly partition: number;
    readonly epoch: number;
  }) => void;
}

/** One thing that was looked at, and what to do where something is wrong. */
export interface Finding {
  /** What was looked at, a word or two. */
  readonly check: string;
  /** `error` stops the pipeline; `warning` may; `ok` is fine. */
  readonly state: 'ok' | 'warning' | 'error';
  readonly finding: string;
  readonly fix?: string;
}

/** What a diagnosis is about. */
export interface DiagnosisSubject {
  /** Topics of the pipeline, and what the worker in question does with each. */
  readonly topics: readonly {
    readonly name: string;
    readonly uses: readonly ('read' | 'write' | 'trim' | 'create')[];
  }[];
  /** Group of the subscribers, and whether the worker joins it. */
  readonly group: string;
  readonly joins: boolean;
  /** Transactional ids begin with it; undefined: the worker writes no transactions. */
  readonly transactionalId: string | undefined;
}

export interface EventLog {
  /** The log's URL, secrets masked. */
  readonly url: string;

  /** Creates what is missing, compares what exists, reports differences. Safe to call from several processes at once. */
  ensureTopics(specs: readonly TopicSpec[]): Promise<readonly TopicReport[]>;

  /** Names of all topics, sorted. */
  listTopics(): Promise<readonly string[]>;

  /** Undefined: no such topic. */
  describeTopic(topic: string): Promise<TopicDescription | undefined>;

  /**
   * Writes records in order; those of one partition get growing offsets. Durable when it resolves. `checkpoint` is kept in the
   * same transaction where the log can; where it cannot (Kafka) after the append, so that a crash repeats the last append
   * rather than losing it.
   *
   * @returns one outcome a record, in the order given
   * @throws NOT_FOUND no such topic
   */
  append(
    topic: string,
    records: readonly NewRecord[],
    options?: { readonly checkpoint?: Checkpoint },
  ): Promise<readonly AppendOutcome[]>;

  /** Value of the checkpoint, or undefined. */
  checkpoint(name: string): Promise<string | undefined>;

  /**
   * Committed records in offset order, from any process. Records of a transaction show all at once.
   *
   * @throws NOT_FOUND no such topic or partition
   */
  read(topic: string, partition: number, options: ReadOptions): Promise<Batch>;

  /**
   * Joins the group and runs `handler` once for each partition it is given, concurrently, until `signal` aborts. When a handler
   * ends with an error whose recovery is `reclaim`, or for a while `retry`, the partition is claimed again after a backoff; any other error ends `own`
   * with it, after the other handlers have been told to finish. A handler that returns by itself releases its partition for
   * good. Resolves when every handler has ended and the group has been left.
   */
  own(options: OwnOptions, handler: (owned: OwnedPartition) => Promise<void>): Promise<void>;

  /** By partition: the group's committed position, or undefined. */
  committed(group: string, topic: string): Promise<readonly (number | undefined)[]>;

  /** How many members of a group live, as far as their leases or sessions tell; undefined: we are not allowed to see it. */
  members(group: string): Promise<number | undefined>;

  /** Deletes records below `before`; the partition's start moves there. */
  trim(topic: string, partition: number, before: number): Promise<void>;

  /**
   * Deletes what is past its topic's retention, seen from `now` (ms), never at or above a position that a group of that topic has
   * yet to pass. Logs that do so by themselves do nothing.
   */
  retain(
    now: number,
  ): Promise<
    readonly { readonly topic: string; readonly partition: number; readonly deleted: number }[]
  >;

  /** What this kind of log knows to be wrong with itself, for people. Changes nothing. */
  diagnose?(subject: DiagnosisSubject): Promise<readonly Finding[]>;

  /** Lets go of everything. Owners are told to finish first. Safe to call twice. */
  close(): Promise<void>;
}
