/** The command `valence`: hands the log to the command line. */
import { runProcess } from '../src/cli/main.ts';
import { openHealth } from '../src/open-health.ts';
import { openLog, removeLog } from '../src/open-log.ts';

await runProcess(process.argv.slice(2), { openLog, removeLog, openHealth });
