import { execFileSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import * as valence from '../../src/index.ts';

describe('the library', () => {
  test('publishes in three lines and subscribes in three', async () => {
    const log = await valence.openLog('memory:');
    const topics = valence.pipelineTopics('shop');
    await log.ensureTopics(topics);
    const acks: number[] = [];
    for (const [i, label] of ['positive', 'negative', 'positive'].entries()) {
      const record = { id: `r-${i}`, text: `${label} soup`, label };
      await log.publish(topics.source, record, { onAck: ({ offset }) => acks.push(offset) });
    }
    await log.flush();
    expect(acks).toEqual([0, 1, 2]);

    await valence.runSubscriber({ log, pipeline: 'shop', untilEnd: true });
    const predictions: (string | null)[] = [];
    for await (const { value } of log.subscribe(topics.results, { untilEnd: true })) {
      if (value.type === 'prediction') predictions.push(value.prediction);
    }
    expect(predictions).toEqual(['positive', 'negative', 'positive']);
    await log.close();
  });

  test('refuses a value that breaks the contract, naming the field', async () => {
    const log = await valence.openLog('memory:');
    const topics = valence.pipelineTopics('shop');
    await log.ensureTopics(topics);
    const wrong = { id: 'x', text: 5 } as unknown as { id: string; text: string };
    await expect(log.publish(topics.source, wrong)).rejects.toMatchObject({
      code: 'RECORD_INVALID',
    });
    await log.close();
  });

  test('a record that the log refuses is a nack, or the error of flush', async () => {
    const log = await valence.openLog('memory:');
    const topics = valence.pipelineTopics('nowhere');
    const nacks: string[] = [];
    const record = { id: 'x', text: 'soup' };
    await log.publish(topics.source, record, { onNack: ({ message }) => nacks.push(message) });
    await log.flush();
    expect(nacks).toHaveLength(1);
    await log.publish(topics.source, record);
    await expect(log.flush()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await log.log.close();
  });

  test('has the models, metrics and detectors by themselves', () => {
    const model = new valence.MultinomialNB();
    model.learnOne(new Map([['good', 1]]), 'positive').learnOne(new Map([['bad', 1]]), 'negative');
    expect(model.predictOne(new Map([['bad', 2]]))).toBe('negative');
    const report = valence.evaluate(
      [
        { text: 'good soup', label: '1' },
        { text: 'bad soup', label: '0' },
        { text: 'good bread', label: '1' },
      ],
      'multinomial',
    );
    expect(report).toMatchObject({ rows: 3, scored: 2, learned: 3 });
  });

  test('loads no adapter, no database client and prints nothing when it is imported', () => {
    const script = `
      await import(${JSON.stringify(new URL('../../dist/src/index.js', import.meta.url).href)});
      const { createRequire } = await import('node:module');
      const loaded = Object.keys(createRequire(import.meta.url).cache).join();
      for (const name of ['/pg/', '/mongoose/', '/redis/', '@photostructure']) {
        if (loaded.includes(name)) throw new Error(name + ' was loaded');
      }`;
    const out = execFileSync(process.execPath, ['--input-type=module', '-e', script]);
    expect(out.toString()).toBe('');
  });
});
