/**
 * The drill of a dead worker: three subscribers on three partitions, one is killed for good. How long until what it served is
 * predicted again, and is the merged model the same wherever it is computed?
 */
import { subscriberGroup } from '../../../src/pipeline/subscriber.ts';
import { pause } from '../../../src/ports/pause.ts';
import { topicNames } from '../../../topics/index.ts';
import type { Stage } from './catalog.ts';
import { readEvents } from './event-file.ts';
import { runRound, type RoundOptions, type RoundResult } from './round.ts';

export interface DrillResult extends RoundResult {
  /** Partitions that the dead worker had served. */
  readonly orphans: readonly number[];
  /** From the kill until each of them had a new committed position, ms; undefined: never. */
  readonly takeoverMs: number | undefined;
}

const GIVE_UP_MS = 60_000;

export async function runDrill(
  options: Omit<RoundOptions, 'faultMs' | 'subscribers' | 'act'>,
): Promise<DrillResult> {
  let orphans: readonly number[] = [];
  let takeoverMs: number | undefined;
  const result = await runRound({
    ...options,
    faultMs: 0,
    subscribers: 3,
    act: async (stage) => {
      const victim = await sharedOut(stage);
      orphans = claimsOf(victim.role.stderr);
      const started = performance.now();
      victim.killForGood();
      // A commit that was under way may still be answered by the broker.
      await pause(500);
      const before = await positions(stage);
      while (performance.now() - started < GIVE_UP_MS) {
        const now = await positions(stage);
        if (orphans.every((partition) => (now[partition] ?? 0) > (before[partition] ?? 0))) {
          takeoverMs = performance.now() - started;
          return;
        }
        await pause(50);
      }
    },
  });
  return { ...result, orphans, takeoverMs };
}

/** Waits until each subscriber has a partition. @returns the first one */
async function sharedOut({ subscribers }: Stage): Promise<Stage['subscribers'][number]> {
  const deadline = performance.now() + GIVE_UP_MS;
  while (!subscribers.every(({ role }) => claimsOf(role.stderr).length === 1)) {
    if (performance.now() > deadline) throw new Error('the partitions were not shared out');
    await pause(100);
  }
  return subscribers[0]!;
}

/** Partitions that a worker holds, as its log tells. */
function claimsOf(path: string): readonly number[] {
  const held = new Set<number>();
  for (const { msg, partition } of readEvents(path)) {
    if (typeof partition !== 'number') continue;
    if (msg === 'partition claimed') held.add(partition);
    if (msg === 'partition released' || msg === 'partition claimed by another worker')
      held.delete(partition);
  }
  return [...held];
}

async function positions({
  wire,
  pipeline,
  partitions,
}: Stage): Promise<readonly (number | undefined)[]> {
  const { source } = topicNames(pipeline);
  return wire.groupOffsets(subscriberGroup(pipeline), source, partitions);
}
