/**
 * What is known of a worker's health: a pure reduction of its events. Time comes in with each event, in ms of a clock that only
 * runs forward; timestamps of records are ms since the epoch.
 *
 *   events ─► reduceHealth ─► state ─┬─► reasons: why it is not ready, from a closed list
 *                                    ├─► lag of each partition
 *                                    └─► silence and standstill, for the watchdog
 */
import type { SubscriberEvent } from '../pipeline/subscriber.ts';

/** Why a worker is not ready. The list is closed: alerts and label values are made of it. */
export const REASONS = [
  'starting',
  'draining',
  'broker_unreachable',
  'heartbeat_stale',
  'no_assignment',
  'restoring',
  'commits_failing',
] as const;
export type ReasonCode = (typeof REASONS)[number];

export interface Reason {
  readonly code: ReasonCode;
  /** Numbers and names of ours only. */
  readonly detail: string;
}

/** Session of a group member, ms: how long a member may be silent before others take its partitions. */
export const SESSION_MS = 10_000;
/** Restores in a row without a commit from which on commits count as failing. */
const FAILING_FROM = 3;

export interface PartitionHealth {
  readonly phase: 'restoring' | 'serving';
  /** Below this offset nothing is left to fold; undefined before the restore. */
  readonly passed: number | undefined;
  /** The newest end of the partition that was seen; undefined: none yet. */
  readonly end: number | undefined;
  /** Timestamp of the oldest record that is not folded, as far as known. */
  readonly oldest: number | undefined;
  /** Since when a record is known to wait while nothing moves. */
  readonly standingSince: number | undefined;
}

export interface HealthState {
  /** Partitions have to be owned to be ready. */
  readonly subscribes: boolean;
  readonly opened: boolean;
  /** For a model that nobody has taught yet: silence is no fault. */
  readonly waiting: boolean;
  readonly draining: boolean;
  /** False: a request on a fresh connection failed, and nothing was heard since. */
  readonly reachable: boolean;
  /** The last heartbeat, or the beginning. */
  readonly heartbeatAt: number;
  /** The last sign of life of any kind; silence is counted from here. */
  readonly aliveAt: number;
  /** Owned partitions. */
  readonly partitions: ReadonlyMap<number, PartitionHealth>;
  /** By partition: restores since it last moved or had nothing to do. */
  readonly restores: ReadonlyMap<number, number>;
}

/** What happens around the subscriber. */
export type HealthEvent =
  | SubscriberEvent
  | { readonly type: 'opened' | 'draining' | 'reachable' | 'unreachable' | 'waits' }
  /** The process itself had stood still: what did not happen meanwhile tells nothing. */
  | { readonly type: 'thawed' }
  | LagSample;

/** A partition's end, and what waits at the place where it was read. */
export interface LagSample {
  readonly type: 'sample';
  readonly partition: number;
  /** `passed` when it was read. */
  readonly from: number;
  readonly end: number;
  /** Timestamp of the first record at or after `from`; undefined: there is none below `end`. */
  readonly waiting: number | undefined;
}

/** Before anything happened. */
export function initialHealth(subscribes: boolean, now: number): HealthState {
  return {
    subscribes,
    opened: false,
    waiting: false,
    draining: false,
    reachable: true,
    heartbeatAt: now,
    aliveAt: now,
    partitions: new Map(),
    restores: new Map(),
  };
}

/** The state after an event at `now`. */
export function reduceHealth(state: HealthState, event: HealthEvent, now: number): HealthState {
  switch (event.type) {
    case 'opened':
      return { ...state, opened: true, heartbeatAt: now, aliveAt: now };
    case 'waits':
      return { ...state, waiting: true };
    case 'draining':
      return { ...state, draining: true };
    case 'unreachable':
      return { ...state, reachable: false };
    case 'reachable':
      // The client gets its time to notice as well.
      return { ...state, reachable: true, aliveAt: now };
    case 'thawed':
      return { ...unmoved(state), aliveAt: now };
    case 'sample':
      return sampled(state, event, now);
    case 'heartbeat':
      return { ...alive(state, now), heartbeatAt: now };
    case 'snapshot':
    case 'warning':
    case 'promoted':
    case 'promotion_ignored':
    case 'weights_ignored':
    case 'labels_differ':
      return alive(state, now);
    case 'claimed':
      return withPartition(alive(state, now), event.partition, RESTORING);
    case 'released':
    case 'fenced':
      return withPartition(alive(state, now), event.partition, undefined);
    case 'restored': {
      const { partition, position } = event;
      const restores = new Map(state.restores);
      restores.set(partition, (restores.get(partition) ?? 0) + 1);
      const health = { ...RESTORING, phase: 'serving', passed: position } as const;
      return withPartition({ ...alive(state, now), restores }, partition, health);
    }
    case 'chunk': {
      const { partition, to, end, timestamp } = event;
      return moved(
        state,
        partition,
        { passed: to, end: Math.max(to, end), oldest: timestamp },
        now,
      );
    }
    case 'idle':
      break;
  }
  // Idle: markers and aborted records may lie between position and end, but nothing to fold.
  const passed = Math.max(event.position, event.end);
  return moved(state, event.partition, { passed, end: passed, oldest: undefined }, now);
}

/** Why the worker is not ready; empty: it is. */
export function reasonsOf(
  state: HealthState,
  now: number,
  sessionMs: number = SESSION_MS,
): readonly Reason[] {
  const { subscribes, opened, waiting, draining, reachable, heartbeatAt, partitions, restores } =
    state;
  if (!opened) return [{ code: 'starting', detail: 'the log is not open yet' }];
  const reasons: Reason[] = [];
  const add = (applies: boolean, code: ReasonCode, detail: string): void => {
    if (applies) reasons.push({ code, detail });
  };
  add(draining, 'draining', 'told to end');
  add(waiting, 'starting', 'nothing was learned yet: waits for the model');
  add(!reachable, 'broker_unreachable', 'the log does not answer');
  if (!subscribes || waiting) return reasons;
  const quiet = now - heartbeatAt;
  add(
    quiet > sessionMs,
    'heartbeat_stale',
    `no heartbeat for ${Math.floor(quiet / 1000)} s, the session is ${sessionMs / 1000} s`,
  );
  add(partitions.size === 0, 'no_assignment', 'owns no partition');
  const restoring = [...partitions].filter(([, { phase }]) => phase === 'restoring');
  add(restoring.length > 0, 'restoring', listed(restoring.map(([partition]) => partition)));
  const failing = [...restores].filter(
    ([partition, times]) => times >= FAILING_FROM && partitions.has(partition),
  );
  add(
    failing.length > 0,
    'commits_failing',
    `claimed ${FAILING_FROM} times without a commit: ${listed(failing.map(([partition]) => partition))}`,
  );
  return reasons;
}

export interface Lag {
  /** Offsets between what is folded and the end: records, and in a transactional topic markers. */
  readonly records: number;
  /** Age of the oldest record that is not folded, s; 0 when caught up; undefined: not known yet. */
  readonly seconds: number | undefined;
}

/**
 * @param time ms since the epoch
 * @returns undefined while nothing is known of the partition's end
 */
export function lagOf({ passed, end, oldest }: PartitionHealth, time: number): Lag | undefined {
  if (passed === undefined || end === undefined) return undefined;
  const records = Math.max(0, end - passed);
  if (records === 0) return { records, seconds: 0 };
  return { records, seconds: oldest === undefined ? undefined : Math.max(0, time - oldest) / 1000 };
}

/** The partition that has stood still for longest while a record waits and heartbeats come; undefined: none. */
export function standstill(
  { partitions, heartbeatAt }: HealthState,
  now: number,
  sessionMs: number = SESSION_MS,
): { readonly partition: number; readonly passed: number; readonly ms: number } | undefined {
  if (now - heartbeatAt > sessionMs) return undefined;
  let longest: { partition: number; passed: number; ms: number } | undefined;
  for (const [partition, { passed = 0, standingSince }] of partitions) {
    if (standingSince === undefined) continue;
    const ms = now - standingSince;
    if (longest === undefined || ms > longest.ms) longest = { partition, passed, ms };
  }
  return longest;
}

const RESTORING: PartitionHealth = {
  phase: 'restoring',
  passed: undefined,
  end: undefined,
  oldest: undefined,
  standingSince: undefined,
};

function alive(state: HealthState, now: number): HealthState {
  return { ...state, waiting: false, reachable: true, aliveAt: now };
}

function moved(
  state: HealthState,
  partition: number,
  place: Pick<PartitionHealth, 'passed' | 'end' | 'oldest'>,
  now: number,
): HealthState {
  const health = { phase: 'serving', standingSince: undefined, ...place } as const;
  let { restores } = state;
  if (restores.has(partition)) {
    const left = new Map(restores);
    left.delete(partition);
    restores = left;
  }
  return withPartition({ ...alive(state, now), restores }, partition, health);
}

/** A sample is no sign of life: it was taken beside the subscriber. */
function sampled(state: HealthState, sample: LagSample, now: number): HealthState {
  const { partition, from, waiting } = sample;
  const known = state.partitions.get(partition);
  if (known?.passed === undefined) return state;
  const end = Math.max(known.end ?? 0, known.passed, sample.end);
  // It moved while the sample was taken: only the end is news.
  if (known.passed !== from) return withPartition(state, partition, { ...known, end });
  const health =
    waiting === undefined
      ? { ...known, passed: end, end, oldest: undefined, standingSince: undefined }
      : { ...known, end, oldest: waiting, standingSince: known.standingSince ?? now };
  return withPartition(state, partition, health);
}

function unmoved(state: HealthState): HealthState {
  const partitions = [...state.partitions].map(
    ([partition, health]) => [partition, { ...health, standingSince: undefined }] as const,
  );
  return { ...state, partitions: new Map(partitions) };
}

function withPartition(
  state: HealthState,
  partition: number,
  health: PartitionHealth | undefined,
): HealthState {
  const partitions = new Map(state.partitions);
  if (health === undefined) partitions.delete(partition);
  else partitions.set(partition, health);
  return { ...state, partitions };
}

function listed(partitions: readonly number[]): string {
  const sorted = partitions.toSorted((a, b) => a - b);
  return `partition${sorted.length === 1 ? '' : 's'} ${sorted.join(', ')}`;
}
