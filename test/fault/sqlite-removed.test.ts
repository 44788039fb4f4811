import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { openLog } from '../../src/open-log.ts';
import { runSubscriber } from '../../src/pipeline/subscriber.ts';
import { workspace } from '../support/kill-campaign.ts';

test('a subscriber whose log file is removed ends with one clear error, and serves no file that nobody else sees', async () => {
  const { dir, remove } = workspace();
  const file = join(dir, 'log.db');
  const log = await openLog(`sqlite:${file}`);
  const ends = runSubscriber({
    log,
    pipeline: 'sentiment',
    onEvent: ({ type }) => {
      if (type === 'restored')
        for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true });
    },
  });
  await expect(ends).rejects.toMatchObject({ code: 'LOG_CORRUPT' });
  await log.close();
  remove();
});
