/** The faults of the campaign, by kind. Each is over when its promise resolves; `heal` of the round undoes what may be left. */
import { writeFileSync } from 'node:fs';
import { pause } from '../../../src/ports/pause.ts';
import type { KafkaBroker } from '../kafka/broker.ts';
import type { WireClient } from '../history/wire.ts';
import type { Place } from './crew.ts';
import type { Action, ApiName, KafkaProxy } from './proxy.ts';

/** What faults act on. */
export interface Stage {
  readonly random: () => number;
  readonly broker: KafkaBroker;
  readonly pipeline: string;
  readonly partitions: number;
  readonly subscribers: readonly Place[];
  readonly publisher: Place;
  /** Between the subscribers and the broker. */
  readonly proxy: KafkaProxy;
  /** Between publisher and readers and the broker. */
  readonly side: KafkaProxy;
  readonly wire: WireClient;
  /** By subscriber: the file that moves its clock. */
  readonly clocks: readonly string[];
  /** Starts one more subscriber, for a rebalance. */
  readonly visitor: () => Place;
}

export interface Fault {
  readonly kind: string;
  /** How often it is chosen, relative to the others. */
  readonly weight: number;
  /** Faults of one group do not overlap. */
  readonly group?: 'broker' | 'frozen' | 'silent';
  /** Usual duration, ms: faults that last longer than what is left of a round are not begun. */
  readonly lastsMs: number;
  /** @returns false: it found nothing to act on */
  readonly run: (stage: Stage) => Promise<boolean>;
}

const CRASH_POINTS = [
  'staged',
  'sent',
  'offsetsSent',
  'beforeCommit',
  'committed',
  'merged',
  'snapshotChunk',
] as const;

/** Requests of a transaction and of the group that are disturbed. */
const WORKER_APIS: readonly ApiName[] = [
  'initProducerId',
  'produce',
  'addPartitions',
  'addOffsets',
  'commitOffsets',
  'endTransaction',
  'fetch',
  'heartbeat',
  'joinGroup',
  'syncGroup',
];
/** Error codes that a broker may give to each, of the fault matrix. */
const CODES: readonly (readonly [ApiName, readonly number[]])[] = [
  ['endTransaction', [14, 15, 16, 47, 51]],
  ['initProducerId', [14, 15, 16, 51]],
  ['addOffsets', [14, 15, 16, 47, 51]],
  ['addPartitions', [3, 14, 15, 16, 47, 51]],
  ['commitOffsets', [14, 15, 16, 25, 47]],
  ['produce', [3, 6, 7, 47]],
  ['heartbeat', [14, 15, 16, 25, 27]],
  ['joinGroup', [14, 15, 16, 25]],
  ['syncGroup', [25, 27]],
];
/** How long a request that is to be disturbed is waited for, ms. */
const HIT_MS = 8000;
/** Longer than the session of a subscriber, ms. */
const FROZEN_MS = 12_000;

function pick<T>(random: () => number, list: readonly T[]): T {
  const found = list[Math.floor(random() * list.length)];
  if (found === undefined) throw new Error('nothing to pick from');
  return found;
}

const someone = ({ random, subscribers }: Stage): Place | undefined => {
  const there = subscribers.filter(({ alive, frozen }) => alive && !frozen);
  return there.length === 0 ? undefined : pick(random, there);
};

const disturbed = (kind: string, weight: number, api: ApiName, action: Action): Fault => ({
  kind,
  weight,
  lastsMs: 1000,
  run: ({ proxy }) => proxy.once(api, action, HIT_MS),
});

export const FAULTS: readonly Fault[] = [
  {
    kind: 'kill -9 subscriber',
    weight: 10,
    lastsMs: 500,
    run: async (stage) => {
      const place = someone(stage);
      place?.kill();
      return place !== undefined;
    },
  },
  ...CRASH_POINTS.map((point): Fault => ({
    kind: `crash at ${point}`,
    weight: 2.5,
    lastsMs: 5000,
    run: async (stage) => {
      const times = 1 + Math.floor(stage.random() * 3);
      const env = { VALENCE_CRASH_AT: `${point}:${times}` };
      return (await someone(stage)?.succeed(env, 12_000)) ?? false;
    },
  })),
  {
    kind: 'freeze subscriber beyond its session',
    weight: 5,
    group: 'frozen',
    lastsMs: FROZEN_MS + 1000,
    run: async (stage) => {
      const place = someone(stage);
      if (place === undefined) return false;
      place.freeze();
      await pause(FROZEN_MS + stage.random() * 2000);
      place.thaw();
      return true;
    },
  },
  {
    kind: 'freeze subscriber shortly',
    weight: 3,
    group: 'frozen',
    lastsMs: 3000,
    run: async (stage) => {
      const place = someone(stage);
      if (place === undefined) return false;
      place.freeze();
      await pause(500 + stage.random() * 3000);
      place.thaw();
      return true;
    },
  },
  {
    kind: 'SIGTERM subscriber',
    weight: 4,
    lastsMs: 1000,
    run: async (stage) => {
      const place = someone(stage);
      await place?.restart();
      return place !== undefined;
    },
  },
  {
    kind: 'rebalance storm',
    weight: 3,
    lastsMs: 8000,
    run: async (stage) => {
      for (let turn = 0; turn < 3; turn++) {
        const visitor = stage.visitor();
        await pause(1000 + stage.random() * 2000);
        if (stage.random() < 0.3) visitor.kill();
        await visitor.leave();
      }
      return true;
    },
  },
  ...WORKER_APIS.flatMap((api): Fault[] => [
    disturbed(`cut before ${api}`, 0.8, api, { kind: 'cutBefore' }),
    disturbed(`answer of ${api} lost, connection cut`, 1.4, api, { kind: 'cutAfter' }),
    disturbed(`answer of ${api} swallowed`, 0.4, api, { kind: 'swallow' }),
  ]),
  ...CODES.flatMap(([api, codes]) =>
    codes.map((code) => disturbed(`code ${code} for ${api}`, 0.3, api, { kind: 'code', code })),
  ),
  {
    kind: 'publisher: answer of produce lost',
    weight: 2,
    lastsMs: 1000,
    run: ({ side }) => side.once('produce', { kind: 'cutAfter' }, HIT_MS),
  },
  {
    kind: 'publisher: kill -9',
    weight: 2,
    lastsMs: 500,
    run: async ({ publisher }) => {
      publisher.kill();
      return true;
    },
  },
  {
    kind: 'all connections reset',
    weight: 4,
    lastsMs: 100,
    run: async ({ proxy, side }) => {
      proxy.reset();
      side.reset();
      return true;
    },
  },
  {
    kind: 'half-open connections',
    weight: 2,
    group: 'silent',
    lastsMs: 6000,
    run: async ({ proxy, random }) => {
      proxy.silence();
      await pause(2000 + random() * 5000);
      proxy.speak();
      return true;
    },
  },
  {
    kind: 'kill -9 broker',
    weight: 2.5,
    group: 'broker',
    lastsMs: 8000,
    run: async ({ broker, random }) => {
      const { node } = broker;
      if (node === undefined) return false;
      await node.kill();
      await pause(random() * 2000);
      await node.start();
      await broker.untilReady();
      return true;
    },
  },
  {
    kind: 'freeze broker',
    weight: 2,
    group: 'broker',
    lastsMs: 5000,
    run: async ({ broker: { node }, random }) => {
      if (node === undefined) return false;
      await node.freeze();
      await pause(1000 + random() * 6000);
      await node.thaw();
      return true;
    },
  },
  ...([-3_600_000, 60_000] as const).map((step): Fault => ({
    kind: step < 0 ? 'clock back by an hour' : 'clock ahead by a minute',
    weight: 2,
    lastsMs: 1000,
    run: async ({ clocks, random }) => {
      writeFileSync(pick(random, clocks), String(step));
      return true;
    },
  })),
  {
    kind: 'transactional id taken by another process',
    weight: 3,
    lastsMs: 500,
    run: async ({ wire, pipeline, partitions, random }) => {
      const partition = Math.floor(random() * partitions);
      try {
        await wire.takeTransactionalId(`${pipeline}.fold.${partition}`);
        return true;
      } catch {
        // The broker is away, or the coordinator is busy with this id.
        return false;
      }
    },
  },
];
