/**
 * The long kill campaign: `npm run test:kills -- [--kills 200] [--seed N]`. Prints a line a round and a total; ends with 1 on the
 * first difference, with the seed that shows it again.
 */
import { parseArgs } from 'node:util';
import { seeded, workspace } from '../support/kill-campaign.ts';
import {
  makeReference,
  pairRound,
  publisherRound,
  startRound,
  subscriberRound,
} from '../support/kill-rounds.ts';

/** How often a stream repeats the example file. */
const COPIES = 8;

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
  },
});
const seed = Number(values.seed);
const wanted = Number(values.kills);
const random = seeded(seed);
const space = workspace();
const say = (line: string): boolean => process.stdout.write(`${line}\n`);
let total = 0;

say(`seed ${seed}, at least ${wanted} kills`);
try {
  const reference = await makeReference(space.dir, COPIES, seed);
  say(
    `reference: ${reference.results.length} results, ${reference.deadLetters.length} dead letters`,
  );
  const rounds = {
    subscriber: (name: string) => subscriberRound(space.dir, name, reference, random, 10),
    pair: (name: string) => pairRound(space.dir, name, reference, random, 10),
    publisher: (name: string) => publisherRound(space.dir, name, COPIES, random, 10),
    start: (name: string) => startRound(space.dir, name, COPIES, random, 10),
  };
  for (let round = 0; total < wanted; round++) {
    for (const [kind, run] of Object.entries(rounds)) {
      const kills = await run(`${kind}-${round}`);
      total += kills;
      say(`${kind.padEnd(10)} ${String(kills).padStart(3)} kills  identical  (${total} so far)`);
    }
  }
  say(`${total} kills, 0 differences`);
} catch (error) {
  say(
    `seed ${seed} after ${total} kills: ${error instanceof Error ? error.message : String(error)}`,
  );
  process.exitCode = 1;
} finally {
  space.remove();
}
