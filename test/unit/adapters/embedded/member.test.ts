import { describe, expect, test } from '@jest/globals';
import {
  type Beat,
  type Membership,
  type Pulse,
  runMember,
} from '../../../../src/adapters/embedded/member.ts';
import { ValenceError, type ErrorCode } from '../../../../src/errors.ts';
import type { OwnedPartition } from '../../../../src/ports/event-log.ts';

/** A store that answers beats from a list, then with nothing new. */
class Scripted implements Membership {
  readonly partitions = 2;
  readonly beats: Beat[] = [];
  readonly calls: string[] = [];
  readonly #script: (Partial<Pulse> | ErrorCode)[];

  constructor(...script: (Partial<Pulse> | ErrorCode)[]) {
    this.#script = script;
  }

  async beat(beat: Beat): Promise<Pulse> {
    this.beats.push({ ...beat, declined: new Set(beat.declined) });
    const answer = this.#script.shift() ?? {};
    if (typeof answer === 'string') throw new ValenceError(answer, 'scripted');
    return { claimed: [], release: [], lost: [], version: 0, ...answer };
  }

  async release(partition: number): Promise<boolean> {
    this.calls.push(`release ${partition}`);
    return true;
  }

  async leave(): Promise<void> {
    this.calls.push('leave');
  }

  async changed(_version: number, _ms: number, signal: AbortSignal): Promise<void> {
    if (!signal.aborted) await new Promise((resolve) => setImmediate(resolve));
  }

  owned({ partition }: { partition: number }, signal: AbortSignal): OwnedPartition {
    return { partition, signal } as OwnedPartition;
  }
}

const claim = (partition: number) => ({ partition, epoch: 1, fence: 0, committed: undefined });
const untilAborted = ({ signal }: OwnedPartition): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve()));

async function run(
  store: Scripted,
  handler: (owned: OwnedPartition) => Promise<void>,
  stop = new AbortController(),
): Promise<void> {
  await runMember(store, { signal: stop.signal, beatMs: 1 }, handler);
}

describe('a member', () => {
  test('goes on when a beat fails for a reason that may pass', async () => {
    const store = new Scripted('LOG_UNAVAILABLE', 'LOG_UNAVAILABLE', {
      claimed: [claim(0), claim(1)],
    });
    await run(store, async () => undefined);
    expect(store.calls).toEqual(['release 0', 'release 1', 'leave']);
  });

  test('ends with any other error of a beat, after its handlers have ended', async () => {
    const store = new Scripted({ claimed: [claim(0)] }, 'LOG_FULL');
    await expect(run(store, untilAborted)).rejects.toMatchObject({ code: 'LOG_FULL' });
    expect(store.calls).toEqual(['release 0', 'leave']);
  });

  test('goes on renewing its lease, claiming nothing, while handlers finish', async () => {
    const store = new Scripted({ claimed: [claim(0)] });
    const stop = new AbortController();
    await run(
      store,
      async ({ signal }) => {
        stop.abort();
        const before = store.beats.length;
        while (store.beats.length < before + 3)
          await new Promise((resolve) => setImmediate(resolve));
        expect(signal.aborted).toBe(true);
      },
      stop,
    );
    const [last] = store.beats.slice(-1);
    expect(last).toMatchObject({ claiming: false, held: new Map([[0, 1]]) });
  });

  test('asked for a partition, ends its handler and says meanwhile that it is on the way', async () => {
    const store = new Scripted({ claimed: [claim(0), claim(1)] }, { release: [1] });
    const stop = new AbortController();
    const ended: number[] = [];
    await run(
      store,
      async (owned) => {
        await untilAborted(owned);
        ended.push(owned.partition);
        const before = store.beats.length;
        while (ended.length === 1 && store.beats.length < before + 2)
          await new Promise((resolve) => setImmediate(resolve));
        stop.abort();
      },
      stop,
    );
    expect(store.beats.some(({ releasing }) => releasing.has(1) && !releasing.has(0))).toBe(true);
    expect(store.calls[0]).toBe('release 1');
  });

  test('tells what it has declined', async () => {
    const store = new Scripted({ claimed: [claim(1)] }, {}, {}, { claimed: [claim(0)] });
    await run(store, async () => undefined);
    expect(store.beats.at(-1)!.declined).toEqual(new Set([1]));
  });

  test('lets a partition rest after an error that asks for a new claim', async () => {
    const store = new Scripted({ claimed: [claim(0)] });
    const stop = new AbortController();
    await run(
      store,
      async () => {
        setImmediate(() => setImmediate(() => setImmediate(() => stop.abort())));
        throw new ValenceError('EPOCH_FENCED', 'scripted');
      },
      stop,
    );
    expect(store.beats.some(({ resting }) => resting.has(0))).toBe(true);
  });
});
