import { describe, expect, test } from '@jest/globals';
import { Pacer, systemClock, type Clock } from '../../../src/ingest/pacer.ts';

/** A clock that moves only while somebody sleeps, and `late` ms further each time. */
function testClock(late = 0): Clock & { time: number; slept: number[] } {
  return {
    time: 1000,
    slept: [],
    now() {
      return this.time;
    },
    sleep(ms) {
      this.slept.push(ms);
      this.time += ms + late;
      return Promise.resolve();
    },
  };
}

describe('a pacer', () => {
  test.each([
    [undefined, Infinity],
    [1, 1],
    [25, 1],
    [100, 5],
    [10_000, 500],
  ])('at a rate of %p sends batches of %p, about 20 a second', (rate, batch) => {
    expect(new Pacer(rate, testClock()).batch).toBe(batch);
  });

  test('the n-th record is due n / rate after the first, however late each wait ends', async () => {
    const clock = testClock(3);
    const pacer = new Pacer(100, clock);
    const times: number[] = [];
    for (let batch = 0; batch < 50; batch++) {
      await pacer.due(undefined);
      times.push(clock.time - 1000);
      pacer.sent(5);
    }
    expect(times.slice(0, 4)).toEqual([0, 53, 103, 153]);
    expect(times.at(-1)).toBe(49 * 50 + 3);
  });

  test('after a long pause the timetable begins anew: no flood', async () => {
    const clock = testClock();
    const pacer = new Pacer(10, clock);
    await pacer.due(undefined);
    pacer.sent(1);
    clock.time += 60_000;
    await pacer.due(undefined);
    pacer.sent(1);
    await pacer.due(undefined);
    expect(clock.slept).toEqual([100]);
  });

  test('without a rate nothing waits', async () => {
    const clock = testClock();
    await new Pacer(undefined, clock).due(undefined);
    expect(clock.slept).toEqual([]);
  });
});

test('the system clock wakes when the signal aborts', async () => {
  const controller = new AbortController();
  const sleeping = systemClock.sleep(3_600_000, controller.signal);
  controller.abort();
  await sleeping;
  await systemClock.sleep(3_600_000, controller.signal);
  expect(controller.signal.aborted).toBe(true);
});
