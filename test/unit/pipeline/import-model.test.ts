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

describe('an exported model', () => {
  test('of a warm start that has seen no document can be read back, and its counts show in the hash', async () => {
    const { snapshot } = await taught('gtnb:bits=12');
    const hashes: string[] = [];
    for (const weight of [0.5, 1]) {
      const { state } = await load(await imported({ snapshot, weight }));
      const [running] = state.models;
      if (running === undefined) throw new Error('no champion');
      const exported = state.exported(running);
      expect(exported.classes.map(({ label }) => label)).toEqual(['negative', 'positive']);
      expect(decodeSnapshot(encodeSnapshot(exported))).toEqual(exported);
      hashes.push(state.hash('champion').hash);
    }
    expect(new Set(hashes).size).toBe(2);
  });

  test.each<[string, (snapshot: ModelSnapshot) => Partial<ModelSnapshot>]>([
    ['a feature beyond the bits', () => ({ features: [['#9999999', 1, 0]] })],
    ['a name of a feature beyond the bits', () => ({ names: [['#99999', 'soup']] })],
    ['a part of a count', ({ features }) => ({ features: [[features[0]![0], 1.5, 0]] })],
    [
      'a calibrator of another size',
      ({ calibrator }) => ({ calibrator: { ...calibrator!, weights: [1], squares: [1] } }),
    ],
  ])('with %s is refused before anything is written', async (_what, change) => {
    const { snapshot } = await taught('gtnb:bits=12');
    const edited = decodeSnapshot(encodeSnapshot({ ...snapshot, ...change(snapshot) }));
    const { log } = await newPipeline();
    const into = { log, pipeline: PIPELINE, topics: TOPICS, declared: DECLARED, name: 'champion' };
    await expect(importModel({ ...into, snapshot: edited })).rejects.toMatchObject({
      code: 'SNAPSHOT_CORRUPT',
    });
    expect((await log.describeTopic(TOPICS.model))?.partitions[0]?.end).toBe(0);
  });
});
