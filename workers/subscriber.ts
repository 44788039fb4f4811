/** Subscriber: `valence subscribe` by itself, configured from the environment (and flags, if there are any). */
import { runProcess } from '../src/cli/main.ts';
import { openHealth } from '../src/open-health.ts';
import { openLog, removeLog } from '../src/open-log.ts';

await runProcess(
  ['subscribe', ...process.argv.slice(2)],
  { openLog, removeLog, openHealth },
  'subscriber',
);
