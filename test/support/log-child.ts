/**
 * A second process on an embedded log, driven by messages:
 *
 *   own      claims partition 0 and answers each `{commit}` with what became of the transaction, also after it was fenced
 *   follow   sends the value of every record of the topic
 *   append   appends calls of 50 records `<label>:<n>` with a checkpoint, and sends how many calls were acknowledged
 *   open     opens the log and sends the outcome
 */
import { openLog } from '../../src/open-log.ts';

const [role = '', url = '', topic = '', label = ''] = process.argv.slice(2);
const tell = (message: object): void => void process.send?.(message);
const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error
    ? String(error.code)
    : String(error);

async function own(): Promise<void> {
  const log = await openLog(url);
  const { signal } = new AbortController();
  const options = { group: 'g', topic, fenceTopic: topic, signal };
  await log.own(options, async (owned) => {
    tell({ claimed: owned.epoch });
    await new Promise<void>((_, reject) => {
      process.once('message', (value: string) => {
        const records = [{ topic: 'out', partition: 0, key: null, value }];
        owned.transact({ records, position: 1 }).then(
          () => tell({ committed: value }),
          (error: unknown) => {
            tell({ refused: codeOf(error) });
            reject(error);
          },
        );
      });
    });
  });
}

async function follow(): Promise<void> {
  const log = await openLog(url);
  tell({ following: true });
  for (let next = 0; ;) {
    const batch = await log.read(topic, 0, { from: next, waitMs: 60_000 });
    for (const { value } of batch.records) tell({ seen: Buffer.from(value ?? []).toString() });
    next = batch.next;
  }
}

async function append(): Promise<void> {
  const log = await openLog(url);
  for (let call = 1; ; call++) {
    const records = Array.from({ length: 50 }, (_, i) => ({
      key: null,
      value: `${label}:${(call - 1) * 50 + i}`,
    }));
    await log.append(topic, records, { checkpoint: { name: label, value: String(call) } });
    tell({ acknowledged: call });
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function open(): Promise<void> {
  const log = await openLog(url);
  await log.ensureTopics([{ name: 't', partitions: 1, cleanup: 'delete', retentionMs: undefined }]);
  tell({ opened: true });
  await log.close();
}

const roles = new Map([
  ['own', own],
  ['follow', follow],
  ['append', append],
  ['open', open],
]);
try {
  await roles.get(role)?.();
} catch (error) {
  tell({ failed: codeOf(error) });
}
process.disconnect?.();
