import { beforeAll, describe, expect, test } from '@jest/globals';
import { decodeSnapshot, encodeSnapshot } from '../../../src/core/models/snapshot.ts';
import type { ModelSnapshot } from '../../../src/core/models/model.ts';
import { importModel, type ImportOptions } from '../../../src/pipeline/import-model.ts';
import { loadModel } from '../../../src/pipeline/inspect.ts';
import { runSubscriber } from '../../../src/pipeline/subscriber.ts';
import {
  DECLARED,
  newPipeline,
  PIPELINE,
  TOPICS,
  type Pipeline,
} from '../../support/wandering-run.ts';

const models = (kind: string) => [{ name: 'champion', kind, role: 'champion' as const }];

/** A pipeline that has learned 60 texts, and its model as a file would hold it. */
async function taught(kind: string): Promise<{ pipeline: Pipeline; snapshot: ModelSnapshot }> {
  const pipeline = await newPipeline();
  const values = Array.from({ length: 60 }, (_, i) => {
    const text = i % 3 === 0 ? 'tepid soup again' : 'crisp bread again';
    return { id: `r-${i}`, text, label: i % 3 === 0 ? 'negative' : 'positive' };
  });
  await pipeline.log.append(
    TOPICS.source,
    values.map((value) => ({ key: value.id, value: JSON.stringify(value) })),
  );
  await runSubscriber({
    log: pipeline.log,
    pipeline: PIPELINE,
    models: models(kind),
    untilEnd: true,
  });
  const { state } = await load(pipeline);
  const [running] = state.models;
  if (running === undefined) throw new Error('no champion');
  return { pipeline, snapshot: decodeSnapshot(encodeSnapshot(state.exported(running))) };
}

const load = ({ log }: Pipeline) =>
  loadModel({ log, pipeline: PIPELINE, topics: TOPICS, declared: DECLARED });

async function imported(options: Pick<ImportOptions, 'snapshot' | 'weight'>): Promise<Pipeline> {
  const pipeline = await newPipeline();
  const into = { log: pipeline.log, pipeline: PIPELINE, topics: TOPICS, declared: DECLARED };
  await importModel({ ...into, name: 'champion', ...options });
  return pipeline;
}

/** What a model says of a text, and the words of its classes. */
async function told(pipeline: Pipeline, text: string) {
  const { state } = await load(pipeline);
  const [running] = state.models;
  if (running === undefined) throw new Error('no champion');
  const { model, extractor } = running;
  const features = extractor.extract(text);
  const { probabilities } = model.predict(features, state.meanCalibrator(running));
  const top = [...model.top(3)].map(([label, words]) => [label, words.map((word) => word.feature)]);
  return { probabilities: [...probabilities], top, learned: model.learned };
}

describe.each(['gtnb:bits=12', 'gtnb:bits=12,dfe=on', 'multinomial'])('an exported %s', (kind) => {
  let source: Awaited<ReturnType<typeof taught>>;
  beforeAll(async () => {
    source = await taught(kind);
  });

  test('that is imported answers as it did, and shows the same words', async () => {
    const second = await imported({ snapshot: source.snapshot });
    const [before, after] = [source.pipeline, second].map((from) => told(from, 'soup and bread'));
    expect(await after).toEqual(await before);
    expect((await after)?.top.length).toBe(2);
    const hashes = [source.pipeline, second].map(async (from) =>
      (await load(from)).state.hash('champion'),
    );
    const [one, other] = await Promise.all(hashes);
    expect(other).toEqual(one);
  });
});

describe('a warm start', () => {
  test('takes a share of the counts, and neither documents nor calibrator', async () => {
    const { snapshot } = await taught('gtnb:bits=12,lexicon=off');
    const second = await imported({ snapshot, weight: 0.2 });
    const { learned, probabilities, top } = await told(second, 'tepid');
    expect(learned).toBe(0);
    // 20 of 60 texts held it, all negative: 4 are left.
    expect(probabilities[0]).toBeGreaterThan(0.8);
    expect(top[0]?.[1]).toContain('tepid');
    await runSubscriber({
      log: second.log,
      pipeline: PIPELINE,
      models: models('gtnb:bits=12,lexicon=off'),
      untilEnd: true,
    });
  });

  test('is refused for classes that the model knows nothing of, and for kinds that take none', async () => {
    const { snapshot } = await taught('gtnb:bits=12');
    const one = { ...snapshot, classes: snapshot.classes.slice(0, 1) };
    const features = snapshot.features.map(([term, first = 0]) => [term, first] as const);
    const refusal = { code: 'CONFIG_INVALID', message: expect.stringContaining('weight') };
    await expect(imported({ snapshot: { ...one, features }, weight: 0.2 })).rejects.toMatchObject(
      refusal,
    );
    const river = await taught('multinomial');
    await expect(imported({ snapshot: river.snapshot, weight: 0.2 })).rejects.toMatchObject(
      refusal,
    );
  });
});
