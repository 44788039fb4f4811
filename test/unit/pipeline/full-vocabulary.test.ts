import { expect, test } from '@jest/globals';
import { decodeSums, encodeSums } from '../../../src/pipeline/sums-snapshot.ts';
import { carryOf } from '../../../src/pipeline/restore-points.ts';
import { encodeCarry } from '../../../src/pipeline/carry-snapshot.ts';
import { readDelta } from '../../../src/pipeline/delta-reader.ts';
import type { CarryHeader } from '../../../topics/index.ts';
import { FoldDriver, newState } from '../../support/fold-driver.ts';
import { foldAll, newRun, publishAny } from '../../support/wandering-run.ts';

const bounded = (maxFeatures: number) =>
  ({
    name: 'champion',
    kind: `multinomial:max-features=${maxFeatures}`,
    role: 'champion',
  }) as const;
const rival = (kind: string) => ({ name: 'rival', kind, role: 'challenger' }) as const;

/** Texts of three new words each; the last one waits for its label. */
function fed(driver: FoldDriver): FoldDriver {
  for (let i = 0; i < 10; i++)
    driver.pipe({
      id: `r${i}`,
      text: `a${i} b${i} c${i} a${i}`,
      label: i % 2 ? 'negative' : 'positive',
    });
  driver.pipe({ id: 'waits', text: 'a4 b3 c3 d3 d3' });
  return driver;
}

test.each([
  ['multinomial', 'complement:max-features=6', 30],
  ['multinomial:max-features=6', 'complement', 30],
  ['multinomial:max-features=6', 'complement:max-features=12', 12],
])('%s beside %s counts words up to the wider bound', (champion, challenger, words) => {
  const models = [{ ...bounded(6), kind: champion }, rival(challenger)];
  const { state } = fed(new FoldDriver({ models }));
  expect(state.models.map(({ model }) => model.vocabulary)).toEqual([words, words]);
});

test('a follower whose vocabulary is full takes in and undoes what it has room for', async () => {
  // Words of four partitions come in another order to each owner: the first six are not the same.
  for (const seed of [4, 5]) {
    const fold = { correctable: 5, pendingMax: 9 };
    const run = await newRun({ seed, partitions: 4, models: [bounded(6)], fold });
    for (let at = 0; at < 240; at += 80) {
      await publishAny(run, 80, at);
      await foldAll(run);
    }
    for (const { state } of run.owners)
      expect(state.models[0]!.model.vocabulary).toBeLessThanOrEqual(6);
  }
});

test('what a full vocabulary has no room for is left out of deltas and snapshots alike', () => {
  const wide = fed(new FoldDriver({ models: [bounded(60)] }));
  const full = (): FoldDriver => {
    const state = newState({ models: [bounded(60)] });
    // As one that is full of other words, with two of these among them.
    const [extractor] = state.extractors.list();
    const intern = extractor!.intern.bind(extractor);
    const room = new Set(['a4', 'b5']);
    const limited = Object.assign(extractor!, {
      intern: (term: string) => (room.has(term) ? intern(term) : -1),
    });
    const internUnits = limited.internUnits.bind(limited);
    limited.internUnits = (units, start, end) =>
      room.has(String.fromCharCode(...units.subarray(start, end)))
        ? internUnits(units, start, end)
        : -1;
    return new FoldDriver({ models: [bounded(60)] }, state);
  };
  const byDeltas = full();
  for (const bytes of wide.deltas) byDeltas.follow(readDelta(bytes));
  const bySnapshot = full();
  const sums = Buffer.concat(
    [...encodeSums(wide.state.capture(), 64)].map((piece) => piece.slice()),
  );
  for (const { delta } of decodeSums(sums, bySnapshot.state.extractors))
    bySnapshot.state.models[0]!.model.apply(delta);
  const carry = [...encodeCarry(wide.fold.capture(), wide.state.extractors, 64)];
  const content = Buffer.concat(carry.map((piece) => piece.slice()));
  bySnapshot.fold.revive(carryOf({ content, header: {} as CarryHeader }, bySnapshot.state));
  for (const { state, fold } of [byDeltas, bySnapshot]) {
    const { model } = state.models[0]!;
    // Neither a row of its own nor a share of the classes' totals.
    expect(model.vocabulary).toBe(2);
    const { features, classes } = model.snapshot();
    expect(features).toEqual([
      ['a4', 2, 0],
      ['b5', 0, 1],
    ]);
    expect(classes.map(({ documents }) => documents)).toEqual([5, 5]);
    const [own] = fold.snapshot().carries;
    expect(own!.carry!.pending[0]!.features.terms).toEqual([['a4', 1]]);
  }
});
