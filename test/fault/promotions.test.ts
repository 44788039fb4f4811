import { afterAll, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { workspace } from '../support/kill-campaign.ts';
import { promotionRound } from '../support/promotion-round.ts';

const space = workspace();
afterAll(() => space.remove());

test('every partition switches once a promotion, at its recorded position, whoever is killed', async () => {
  const { kills, switches, predictions } = await promotionRound({
    url: `sqlite:${join(space.dir, 'promotions.db')}`,
    dir: space.dir,
    pipeline: 'sentiment',
    seed: 20_260_303,
    // Before and after the commit with which a partition switches, and elsewhere.
    deaths: [
      ['switching', 'switched'],
      ['switched', 'switching'],
    ],
  });
  expect(kills).toBeGreaterThanOrEqual(3);
  for (const offsets of switches) {
    expect(offsets).toHaveLength(3);
    expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
  }
  expect(predictions).toBeGreaterThan(500);
}, 120_000);
