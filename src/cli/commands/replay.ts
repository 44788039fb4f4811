/** `valence replay`: the logged stream once more, with another model, touching nothing. */
import { command, namesOf, withExistingLog, type CommandContext } from '../command.ts';
import { count } from '../numbers.ts';
import { reportLines } from '../report.ts';

export const replayCommand = command({
  name: 'replay',
  settings: 'replay',
  summary: 'score another model on the logged stream, in memory, touching nothing',
  examples: [
    ['replay --from beginning --model complement', 'what another model would have scored'],
    ['replay --model bernoulli --json', 'the same as one JSON object'],
  ],
  run,
});

async function run({ config, surroundings, out }: CommandContext<'replay'>): Promise<void> {
  const { replay } = await import('../../pipeline/replay.ts');
  const { FOLD_DEFAULTS } = await import('../../pipeline/fold.ts');
  const { learnedRules } = await import('../subscriber-options.ts');
  await withExistingLog(surroundings, config, async (log) => {
    const { classes } = await learnedRules(log, config);
    const report = await replay({
      log,
      pipeline: config.pipeline,
      kind: config.model,
      analyzer: config.analyzer,
      fold: { ...FOLD_DEFAULTS, topics: namesOf(config), classes },
      signal: surroundings.signal,
      onProgress: (records) => {
        out.status(`${count(records)} records`);
      },
    });
    out.status('');
    if (out.json) {
      await out.values([report]);
      return;
    }
    const { kind, records, scored, learned, metrics, baselines } = report;
    const notes = [`${count(records)} records`];
    await out.lines(
      reportLines({ title: kind, scored, learned, notes, metrics, baselines }, out.colors),
    );
  });
}
