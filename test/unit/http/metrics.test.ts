import { beforeEach, describe, expect, test } from '@jest/globals';
import { Gauge, Histogram, register } from 'prom-client';
import { AllMetrics, metricsResult } from './all-metrics.ts';

let all: AllMetrics;
beforeEach(() => {
  all = new AllMetrics();
});

const chunk = {
  type: 'chunk',
  partition: 1,
  records: 400,
  from: 100,
  to: 500,
  end: 750,
  predictions: 800,
  outcomes: 7,
  deadLetters: 2,
  durationMs: 30,
  timestamp: 90_000,
} as const;

describe('the registry', () => {
  test('has the usual metrics of a process besides its own, and leaves the global one alone', async () => {
    const names = all.metrics.registry.getMetricsAsArray().map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        'process_cpu_seconds_total',
        'process_resident_memory_bytes',
        'nodejs_eventloop_lag_seconds',
        'valence_build_info',
      ]),
    );
    expect(register.getMetricsAsArray()).toEqual([]);
    expect((await all.metrics.text()).type).toBe('text/plain; version=0.0.4; charset=utf-8');
  });

  test('follows the conventions: prefix, unit at the end, totals, a sentence of help', () => {
    for (const metric of all.metrics.registry.getMetricsAsArray()) {
      const { name, help } = metric;
      if (!name.startsWith('valence_')) continue;
      expect(name).toMatch(/^valence_[a-z0-9]+(?:_[a-z0-9]+)*$/);
      expect(help.length).toBeGreaterThan(10);
      const isCounter = !(metric instanceof Gauge) && !(metric instanceof Histogram);
      expect([name, name.endsWith('_total')]).toEqual([name, isCounter]);
      if (/duration|latency|age/.test(name)) expect(name).toMatch(/_seconds$/);
    }
  });

  test('labels are from closed sets: nothing of what is read or written can become one', () => {
    const labels = all.metrics.registry
      .getMetricsAsArray()
      .filter(({ name }) => name.startsWith('valence_'))
      .flatMap((metric) => ('labelNames' in metric ? (metric.labelNames as string[]) : []));
    expect([...new Set(labels)].toSorted()).toEqual(
      ['kind', 'model', 'node', 'partition', 'reason', 'rule', 'version'].toSorted(),
    );
  });

  test('a worker shows the metrics of its roles only', async () => {
    const { createMetrics } = await import('../../../src/http/metrics.ts');
    const { registry } = createMetrics({
      roles: ['publisher'],
      version: '1',
      state: () => all.state,
      reasons: () => [],
      models: () => [],
      progress: () => undefined,
      figures: () => ({ models: [], thresholds: [] }),
      now: () => 0,
      time: () => 0,
    });
    const own = registry.getMetricsAsArray().filter(({ name }) => name.startsWith('valence_'));
    expect(own.map(({ name }) => name.split('_')[1])).not.toContain('consumer');
    expect(own.some(({ name }) => name === 'valence_publisher_acks_total')).toBe(true);
  });
});

describe('a subscriber', () => {
  test('counts what it committed, by partition', async () => {
    all.time = 92_000;
    all.event(chunk);
    all.event({ ...chunk, from: 500, to: 750, records: 250 });
    expect(await all.lines()).toEqual(
      expect.arrayContaining([
        'valence_records_total{partition="1"} 650',
        'valence_predictions_total{partition="1"} 1600',
        'valence_outcomes_total{partition="1"} 14',
        'valence_dead_letters_total{partition="1"} 4',
        'valence_chunk_records_sum 650',
        'valence_chunk_duration_seconds_bucket{le="0.05"} 2',
        'valence_chunk_duration_seconds_bucket{le="0.025"} 0',
        'valence_record_latency_seconds_sum 4',
      ]),
    );
  });

  test('shows the lag of partitions that it owns, and no longer of those that it gave back', async () => {
    all.time = 100_000;
    all.event({ type: 'claimed', partition: 1, epoch: 4 });
    expect(await all.lines('valence_consumer')).toEqual([]);
    all.event(chunk);
    expect(await all.lines('valence_consumer')).toEqual([
      'valence_consumer_position{partition="1"} 500',
      'valence_consumer_lag_records{partition="1"} 250',
      'valence_consumer_lag_seconds{partition="1"} 10',
    ]);
    all.event({ type: 'idle', partition: 1, position: 750, end: 750 });
    expect(await all.lines('valence_consumer_lag')).toEqual([
      'valence_consumer_lag_records{partition="1"} 0',
      'valence_consumer_lag_seconds{partition="1"} 0',
    ]);
    all.event({ type: 'released', partition: 1, epoch: 4 });
    expect(await all.lines('valence_consumer')).toEqual([]);
    expect(await all.lines('valence_assigned')).toEqual(['valence_assigned_partitions 0']);
  });

  test('counts claims, losses and restores', async () => {
    all.event({ type: 'claimed', partition: 0, epoch: 1 });
    all.event({ type: 'restored', partition: 0, position: 5, durationMs: 700 });
    all.event({ type: 'fenced', partition: 0, epoch: 1 });
    all.event({ type: 'claimed', partition: 0, epoch: 3 });
    all.event({ type: 'released', partition: 0, epoch: 3 });
    expect(await all.lines()).toEqual(
      expect.arrayContaining([
        'valence_claims_total{partition="0"} 2',
        'valence_fences_total{partition="0"} 1',
        'valence_releases_total{partition="0"} 1',
        'valence_restores_total{partition="0"} 1',
        'valence_restore_duration_seconds_sum 0.7',
      ]),
    );
  });

  test('tells size and age of its last snapshots, from the first one on', async () => {
    expect(await all.lines('valence_snapshot_age')).toEqual([]);
    all.event({ type: 'snapshot', kind: 'sums', partition: 0, bytes: 1000, durationMs: 20 });
    all.now = 5000;
    all.event({ type: 'snapshot', kind: 'carry', partition: 3, bytes: 70, durationMs: 2 });
    all.now = 65_000;
    expect(await all.lines('valence_snapshot_')).toEqual(
      expect.arrayContaining([
        'valence_snapshot_bytes{kind="sums"} 1000',
        'valence_snapshot_bytes{kind="carry"} 70',
        'valence_snapshot_age_seconds{kind="sums"} 65',
        'valence_snapshot_age_seconds{kind="carry"} 60',
        'valence_snapshot_duration_seconds_sum{kind="sums"} 0.02',
      ]),
    );
  });

  test("shows its models' figures by model and partition; none where nothing was scored", async () => {
    all.models = [metricsResult('champion', 0, 3, 1), metricsResult('cnb', 2, 0, 0)];
    const lines = await all.lines('valence_model_');
    expect(lines).toEqual(
      expect.arrayContaining([
        'valence_model_scored_records{model="champion",partition="0"} 4',
        'valence_model_learned_documents{model="champion",partition="0"} 5',
        'valence_model_classes{model="champion",partition="0"} 2',
        'valence_model_waiting_texts{model="cnb",partition="2"} 3',
        'valence_model_rolling_accuracy{model="champion",partition="0"} 0.75',
        'valence_model_cumulative_log_loss{model="champion",partition="0"} 0.5',
        'valence_model_majority_accuracy{model="champion",partition="0"} 0.5',
      ]),
    );
    expect(lines.some((line) => line.startsWith('valence_model_no_change_accuracy'))).toBe(false);
    expect(lines.some((line) => /accuracy.*cnb/.test(line) && !line.includes('majority'))).toBe(
      false,
    );
    all.models = [];
    expect(await all.lines('valence_model_')).toEqual([]);
  });
});

describe('every worker', () => {
  test('says which version runs, and why it is not ready', async () => {
    expect(await all.lines('valence_build_info')).toEqual([
      `valence_build_info{version="1.2.3",node="${process.version}"} 1`,
    ]);
    expect(await all.lines('valence_ready')).toEqual(['valence_ready 0']);
    const reasons = await all.lines('valence_not_ready_reason');
    expect(reasons).toHaveLength(7);
    expect(reasons.filter((line) => line.endsWith(' 1'))).toEqual([
      'valence_not_ready_reason{reason="no_assignment"} 1',
    ]);
    all.event({ type: 'restored', partition: 0, position: 1, durationMs: 1 });
    expect(await all.lines('valence_ready')).toEqual(['valence_ready 1']);
    all.now = 10_001;
    expect(await all.lines('valence_heartbeat_age')).toEqual([
      'valence_heartbeat_age_seconds 10.001',
    ]);
    expect(await all.lines('valence_ready')).toEqual(['valence_ready 0']);
  });

  test('a publisher tells answers, place and size', async () => {
    expect(await all.lines('valence_publisher_acks')).toEqual(['valence_publisher_acks_total 0']);
    expect(await all.lines('valence_publisher_input')).toEqual(['valence_publisher_input_bytes 0']);
    const counts = { rows: 50, sent: 48, acked: 40, retried: 5, failed: 3, deadLettered: 2 };
    all.progress = { ...counts, bytes: 900, totalBytes: 1000, done: false };
    expect(await all.lines('valence_publisher')).toEqual([
      'valence_publisher_rows_total 50',
      'valence_publisher_sent_total 48',
      'valence_publisher_acks_total 40',
      'valence_publisher_nacks_total 8',
      'valence_publisher_failed_total 3',
      'valence_publisher_dead_letters_total 2',
      'valence_publisher_checkpoint_bytes 900',
      'valence_publisher_input_bytes 1000',
      'valence_publisher_done 0',
    ]);
  });

  test('a monitor tells merged figures and thresholds, rules quoted as they are', async () => {
    const rule = 'rolling.recall."a\\b" >= 0.6';
    all.figures = {
      models: [{ ...metricsResult('champion', 0, 9, 1), partitions: 4 }],
      thresholds: [{ model: 'champion', rule, firing: true }],
    };
    const lines = await all.lines();
    expect(lines).toEqual(
      expect.arrayContaining([
        'valence_monitor_partitions{model="champion"} 4',
        'valence_monitor_cumulative_accuracy{model="champion"} 0.9',
        String.raw`valence_threshold_firing{model="champion",rule="rolling.recall.\"a\\b\" >= 0.6"} 1`,
      ]),
    );
  });
});
