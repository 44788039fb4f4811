/**
 * An independent reader of committed records, a process of its own: `reader.ts URL EVENTS PARTITIONS VALUES TOPIC…`. Follows every
 * partition from its beginning while faults go on, and writes down what it was handed; of the topic VALUES with the values.
 */
import { isValenceError } from '../../../src/errors.ts';
import { openLog } from '../../../src/open-log.ts';
import type { EventLog } from '../../../src/ports/event-log.ts';
import { pause } from '../../../src/ports/pause.ts';
import { digestOf } from '../history/history.ts';
import { EventFile } from './event-file.ts';

const [url = '', path = '', partitions = '', values = '', ...topics] = process.argv.slice(2);
const events = new EventFile(path);
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());

const log = await patiently(() => openLog(url));
await Promise.all(
  topics.flatMap((topic) =>
    Array.from({ length: Number(partitions) }, (_, partition) => follow(log, topic, partition)),
  ),
);
await log.close();
process.exit(0);

async function follow(from: EventLog, topic: string, partition: number): Promise<void> {
  for (let next = 0; !stop.signal.aborted;) {
    const batch = await patiently(() =>
      from.read(topic, partition, { from: next, waitMs: 500, signal: stop.signal }),
    );
    const records = batch.records.map((record) => [
      record.offset,
      digestOf(record),
      ...(topic === values
        ? [record.value === null ? null : Buffer.from(record.value).toString('base64')]
        : []),
    ]);
    if (records.length > 0) events.write({ event: 'handed', topic, partition, records });
    next = batch.next;
  }
}

async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (stop.signal.aborted) process.exit(0);
      if (!isValenceError(error) || error.recovery !== 'retry') throw error;
      events.write({ event: 'read.fail', code: error.code });
      await pause(200, stop.signal);
    }
  }
}
