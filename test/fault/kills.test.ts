import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { seeded, workspace } from '../support/kill-campaign.ts';
import {
  makeReference,
  pairRound,
  publisherRound,
  startRound,
  subscriberRound,
  type Reference,
} from '../support/kill-rounds.ts';

/** A short run of `npm run test:kills`: real processes, killed with SIGKILL. */
const SEED = 20_260_301;
/** How often a stream repeats the example file: there is work for each of the deaths. */
const COPIES = 2;
const space = workspace();
let reference: Reference;

beforeAll(async () => {
  reference = await makeReference(space.dir, COPIES, SEED);
}, 60_000);
afterAll(() => space.remove());

describe('killed again and again', () => {
  test('a subscriber leaves every result once, byte by byte as if nobody had disturbed it', async () => {
    const kills = await subscriberRound(space.dir, 'one', reference, seeded(SEED), 6);
    expect(kills).toBeGreaterThanOrEqual(3);
  }, 120_000);

  test('two subscribers on one file do the same', async () => {
    const kills = await pairRound(space.dir, 'pair', reference, seeded(SEED + 1), 6);
    expect(kills).toBeGreaterThanOrEqual(3);
  }, 120_000);

  test('a publisher loses and repeats nothing', async () => {
    const kills = await publisherRound(space.dir, 'publisher', COPIES, seeded(SEED + 2), 4);
    expect(kills).toBeGreaterThanOrEqual(2);
  }, 120_000);

  test('start picks up where it was', async () => {
    const kills = await startRound(space.dir, 'start', COPIES, seeded(SEED + 3), 6);
    expect(kills).toBeGreaterThanOrEqual(4);
  }, 120_000);
});
