import { expect, test } from '@jest/globals';
import { encodeCarry } from '../../../src/pipeline/carry-snapshot.ts';
import { ModelCarry, type CarryOptions } from '../../../src/pipeline/carry.ts';
import { FOLD_DEFAULTS } from '../../../src/pipeline/fold.ts';
import { carryOf } from '../../../src/pipeline/restore-points.ts';
import type { CarryHeader } from '../../../topics/index.ts';
import { FoldDriver, newState } from '../../support/fold-driver.ts';

const GT = { name: 'champion', kind: 'gtnb:bits=10', role: 'champion' } as const;
const CNB = { name: 'cnb', kind: 'complement', role: 'challenger' } as const;

const OPTIONS: CarryOptions = {
  ...FOLD_DEFAULTS,
  partition: 0,
  declared: ['negative', 'positive'],
};

function taught(): FoldDriver {
  const driver = new FoldDriver({ models: [GT, CNB] });
  for (let i = 0; i < 12; i++) {
    const label = i % 2 === 0 ? 'positive' : 'negative';
    driver.pipe({ id: `r${i}`, text: `${i % 3 === 0 ? 'bad' : 'good'} soup`, label });
  }
  return driver;
}

test('a carry whose model is not known keeps its calibrator for who knows it', () => {
  const { state, fold } = taught();
  const { carry } = fold.capture().carries[0]!;
  expect(carry.calibrator!.labels).toBe(12);
  const kept = ModelCarry.revive(carry, OPTIONS, undefined);
  expect(kept.calibrator).toBeUndefined();
  expect(kept.capture()).toEqual(carry);
  expect(kept.snapshot(String).calibrator).toEqual(carry.calibrator);
  const known = ModelCarry.revive(kept.capture(), OPTIONS, state.models[0]!.model);
  expect(known.calibrator!.snapshot()).toEqual(carry.calibrator);
  // A delta that comes while it is not known replaces it.
  const later = { ...carry.calibrator!, labels: 13 };
  kept.calibrate(later, undefined);
  expect(kept.capture().calibrator).toEqual(later);
});

test('a carry of features that nobody counts here is refused with a reason', () => {
  const driver = taught();
  const pieces = [...encodeCarry(driver.fold.capture(), driver.state.extractors, 64)];
  const content = Buffer.concat(pieces.map((piece) => piece.slice()));
  const point = { content, header: {} as CarryHeader };
  expect(carryOf(point, newState({ models: [GT, CNB] })).carries).toHaveLength(2);
  expect(() => carryOf(point, newState({ models: [GT] }))).toThrow(
    expect.objectContaining({
      code: 'SNAPSHOT_CORRUPT',
      message: expect.stringContaining("model 'cnb' has features of river/1"),
    }),
  );
});
