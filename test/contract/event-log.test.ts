import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryEventLog } from '../../src/adapters/memory/event-log.ts';
import { MemoryStore } from '../../src/adapters/memory/store.ts';
import { DatabaseSync } from '../../src/adapters/sqlite/driver.ts';
import { SqliteEventLog } from '../../src/adapters/sqlite/event-log.ts';
import type { LogPair } from '../support/event-log-driver.ts';
import { describeEventLog } from '../support/event-log-suite.ts';

describeEventLog('memory', async (): Promise<LogPair> => {
  const store = new MemoryStore();
  const [first, second] = [new MemoryEventLog(store), new MemoryEventLog(store)];
  return {
    first,
    second,
    retains: true,
    usurp: async (group, topic, partition) => {
      const stored = store.group(group, topic);
      const epoch = stored.claims[partition]!.epoch + 1;
      stored.claims[partition] = { epoch, owner: 'usurper' };
      store.touch(stored);
    },
    close: async () => {
      await Promise.all([first.close(), second.close()]);
    },
  };
});

describeEventLog('sqlite', async (): Promise<LogPair> => {
  const folder = mkdtempSync(join(tmpdir(), 'valence-log-'));
  const file = join(folder, 'new', 'log.db');
  const [first, second] = [await SqliteEventLog.open(file), await SqliteEventLog.open(file)];
  return {
    first,
    second,
    retains: true,
    usurp: async (group, topic, partition) => {
      const db = new DatabaseSync(file, { timeout: 1000 });
      db.prepare(
        `UPDATE claims SET epoch = epoch + 1, owner = 'usurper' WHERE partition = ? AND "group" =
          (SELECT groups.id FROM groups JOIN topics ON topics.id = topic WHERE groups.name = ? AND topics.name = ?)`,
      ).run(partition, Buffer.from(group), topic);
      db.close();
    },
    close: async () => {
      await Promise.all([first.close(), second.close()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
});
