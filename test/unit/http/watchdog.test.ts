import { describe, expect, test } from '@jest/globals';
import type { ValenceError } from '../../../src/errors.ts';
import {
  initialHealth,
  reasonsOf,
  reduceHealth,
  type HealthEvent,
  type LagSample,
} from '../../../src/http/health-state.ts';
import { TICK_MS, Watchdog } from '../../../src/http/watchdog.ts';

/** A subscriber on a clock of its own, looked at every 5 s. */
class Scene {
  time = 0;
  state = initialHealth(true, 0);
  failures: ValenceError[] = [];
  /** When the log was asked, s. */
  probes: number[] = [];
  /** Whether the log answers a fresh connection. */
  logAnswers = true;
  /** Whether the worker's own connection brings heartbeats. */
  beats = true;
  samples: () => Promise<readonly LagSample[]> = () => Promise.resolve([]);
  onProbe: () => void = () => undefined;
  answer = (): Promise<void> =>
    this.logAnswers ? Promise.resolve() : Promise.reject(new Error('refused'));
  readonly watchdog = new Watchdog({
    state: () => this.state,
    tell: (event) => {
      this.tell(event);
    },
    probe: () => {
      this.probes.push(this.time / 1000);
      this.onProbe();
      return this.answer();
    },
    sample: () => this.samples(),
    fail: (error) => this.failures.push(error),
    now: () => this.time,
    within: (work) => work,
  });

  constructor() {
    this.tell({ type: 'opened' });
    this.tell({ type: 'claimed', partition: 0, epoch: 1 });
    this.tell({ type: 'restored', partition: 0, position: 10, durationMs: 1 });
  }

  tell(event: HealthEvent): void {
    this.state = reduceHealth(this.state, event, this.time);
  }

  async pass(seconds: number): Promise<void> {
    const end = this.time + seconds * 1000;
    while (this.time < end) {
      this.time += TICK_MS;
      if (this.beats) this.tell({ type: 'heartbeat' });
      await this.watchdog.tick();
    }
  }

  /** The process is frozen: nothing happens in it, then everything at once. */
  freeze(seconds: number): void {
    this.time += seconds * 1000;
  }

  get reasons(): string[] {
    return reasonsOf(this.state, this.time).map(({ code }) => code);
  }

  get said(): string[] {
    return this.failures.map(({ code, message }) => `${code}: ${message}`);
  }
}

describe('silence', () => {
  test('a worker with heartbeats is left alone for a day, and the log is not asked', async () => {
    const scene = new Scene();
    await scene.pass(86_400);
    expect([scene.probes, scene.said]).toEqual([[], []]);
  });

  test('30 s without a sign of life while the log answers others end the process, once', async () => {
    const scene = new Scene();
    scene.beats = false;
    await scene.pass(25);
    expect([scene.probes, scene.said]).toEqual([[], []]);
    await scene.pass(300);
    expect(scene.probes).toEqual([30]);
    expect(scene.said).toEqual([
      'LOG_UNAVAILABLE: no heartbeat and no record for 30 s, while the log answers a new connection: this one is dead',
    ]);
  });

  test('an hour without the log is waited for: unready, asked now and then, ready again', async () => {
    const scene = new Scene();
    scene.beats = false;
    scene.logAnswers = false;
    await scene.pass(30);
    expect(scene.reasons).toEqual(['broker_unreachable', 'heartbeat_stale']);
    await scene.pass(3570);
    expect(scene.said).toEqual([]);
    expect(scene.probes.slice(0, 6)).toEqual([30, 35, 45, 65, 105, 165]);
    expect(scene.probes.length).toBeLessThan(70);
    // The log is back; the client comes to it in its own time, within 30 s.
    scene.logAnswers = true;
    await scene.pass(60);
    expect(scene.said).toEqual([]);
    scene.beats = true;
    await scene.pass(3600);
    expect([scene.reasons, scene.said]).toEqual([[], []]);
  });

  test('a client that stays silent when the log is back ends the process', async () => {
    const scene = new Scene();
    scene.beats = false;
    scene.logAnswers = false;
    await scene.pass(600);
    scene.logAnswers = true;
    await scene.pass(120);
    expect(scene.said).toHaveLength(1);
  });

  test('a second outage is waited for like the first', async () => {
    const scene = new Scene();
    for (const away of [300, 5, 300]) {
      scene.beats = false;
      scene.logAnswers = false;
      await scene.pass(away);
      scene.logAnswers = true;
      scene.beats = true;
      await scene.pass(20);
      expect([scene.reasons, scene.said]).toEqual([[], []]);
    }
  });

  test('a sign of life while the log is asked saves the process', async () => {
    const scene = new Scene();
    scene.beats = false;
    scene.onProbe = () => {
      scene.tell({ type: 'heartbeat' });
    };
    await scene.pass(30);
    expect(scene.probes).toEqual([30]);
    expect(scene.said).toEqual([]);
  });

  test('one question at a time, however long its answer takes', async () => {
    const scene = new Scene();
    scene.beats = false;
    await scene.pass(25);
    let answer = (): void => undefined;
    scene.answer = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const ticks: Promise<void>[] = [];
    for (let tick = 0; tick < 10; tick++) {
      scene.time += TICK_MS;
      ticks.push(scene.watchdog.tick());
    }
    answer();
    await Promise.all(ticks);
    expect(scene.probes).toEqual([30]);
    expect(scene.said).toHaveLength(1);
  });

  test('time in which the process was frozen does not count', async () => {
    const scene = new Scene();
    await scene.pass(60);
    scene.beats = false;
    scene.freeze(3600);
    await scene.pass(25);
    expect([scene.probes, scene.said]).toEqual([[], []]);
    await scene.pass(10);
    expect(scene.said).toHaveLength(1);
  });

  test('a replica may wait for its model, and is watched from its first event on', async () => {
    const scene = new Scene();
    scene.beats = false;
    scene.tell({ type: 'waits' });
    await scene.pass(86_400);
    expect([scene.probes, scene.said]).toEqual([[], []]);
    scene.tell({ type: 'heartbeat' });
    await scene.pass(60);
    expect(scene.said).toHaveLength(1);
  });

  test('after it was stopped it says nothing', async () => {
    const scene = new Scene();
    scene.beats = false;
    scene.watchdog.stop();
    await scene.pass(600);
    expect([scene.probes, scene.said]).toEqual([[], []]);
  });
});

describe('standing still', () => {
  const waits = (from: number): (() => Promise<LagSample[]>) => {
    return () => Promise.resolve([{ type: 'sample', partition: 0, from, end: 99, waiting: 1 }]);
  };

  test('a partition whose records wait for 60 s while heartbeats come ends the process', async () => {
    const scene = new Scene();
    scene.samples = waits(10);
    await scene.pass(65);
    expect(scene.said).toEqual([]);
    await scene.pass(10);
    expect(scene.said).toEqual([
      'LOG_UNAVAILABLE: partition 0 has stood at offset 10 for 60 s while records wait there',
    ]);
    expect(scene.failures[0]?.fields).toEqual({ partition: 0, passed: 10 });
  });

  test('one that moves now and then is slow, and left alone', async () => {
    const scene = new Scene();
    for (let position = 10; position < 40; position++) {
      scene.samples = waits(position);
      await scene.pass(50);
      const place = { from: position, to: position + 1, end: 99 };
      const counts = { records: 1, predictions: 1, outcomes: 0, deadLetters: 0 };
      scene.tell({ type: 'chunk', partition: 0, ...place, ...counts, durationMs: 1, timestamp: 1 });
    }
    expect(scene.said).toEqual([]);
  });

  test('one that only markers lie before is left alone', async () => {
    const scene = new Scene();
    let end = 10;
    scene.samples = () => {
      const sample: LagSample = {
        type: 'sample',
        partition: 0,
        from: end,
        end: end + 2,
        waiting: undefined,
      };
      end += 2;
      return Promise.resolve([sample]);
    };
    await scene.pass(600);
    expect([scene.reasons, scene.said]).toEqual([[], []]);
  });

  test('a log that cannot be sampled is no reason', async () => {
    const scene = new Scene();
    scene.samples = () => Promise.reject(new Error('away'));
    await scene.pass(600);
    expect(scene.said).toEqual([]);
  });

  test('a freeze begins the count anew', async () => {
    const scene = new Scene();
    scene.samples = waits(10);
    await scene.pass(60);
    scene.freeze(3600);
    await scene.pass(50);
    expect(scene.said).toEqual([]);
    await scene.pass(40);
    expect(scene.said).toHaveLength(1);
  });
});
