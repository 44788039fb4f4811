/**
 * The publisher of a fault round, a process of its own: `publisher.ts URL TOPIC RATE NAME SEED EVENTS`. Texts with labels, labels
 * that come late, twice, corrected or withdrawn, texts without any, and records that nobody can fold. Each append is written down
 * before and after. SIGTERM ends it after the append in hand.
 */
import { openLog } from '../../../src/open-log.ts';
import type { NewRecord } from '../../../src/ports/event-log.ts';
import { pause } from '../../../src/ports/pause.ts';
import { isValenceError } from '../../../src/errors.ts';
import { awkwardStream } from '../kill-campaign.ts';
import { EventFile } from './event-file.ts';

const TICK_MS = 50;
const [url = '', topic = '', rate = '', name = '', seed = '', path = ''] = process.argv.slice(2);
const events = new EventFile(path);
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());

/** Values that no one can fold, in turn. */
const POISON: readonly (string | Uint8Array | null)[] = [
  '{"text":',
  null,
  Uint8Array.from([0xff, 0xfe, 0x22]),
  '[]',
  '{"id":"x"}',
  JSON.stringify({ text: 'z'.repeat(300_000) }),
  JSON.stringify({ text: '\ud800 lone' }),
];

function* records(): Generator<NewRecord & { readonly key: string }> {
  for (let round = 0; ; round++) {
    const stream = awkwardStream(1, Number(seed) + round);
    for (const [at, record] of stream.entries()) {
      const id = `${name}:${round}:${'id' in record ? String(record.id) : at}`;
      yield { key: id, value: JSON.stringify({ ...record, id }) };
      if (at % 151 === 150) {
        const value = POISON[Math.floor(at / 151) % POISON.length] ?? null;
        yield { key: `${name}:${round}:poison-${at}`, value };
      }
    }
  }
}

const log = await openPatiently();
const stream = records();
const perTick = Math.max(1, Math.round((Number(rate) * TICK_MS) / 1000));
while (!stop.signal.aborted) {
  const started = performance.now();
  const batch = Array.from({ length: perTick }, () => stream.next().value!);
  await send(batch);
  await pause(Math.max(1, TICK_MS - (performance.now() - started)), stop.signal);
}
await log.close();
process.exit(0);

async function openPatiently(): ReturnType<typeof openLog> {
  for (;;) {
    try {
      return await openLog(url);
    } catch (error) {
      if (stop.signal.aborted) process.exit(0);
      if (!isValenceError(error) || error.recovery !== 'retry') throw error;
      await pause(200, stop.signal);
    }
  }
}

async function send(batch: readonly (NewRecord & { readonly key: string })[]): Promise<void> {
  const ids = batch.map(({ key }) => key);
  events.write({ event: 'send.invoke', ids });
  try {
    const outcomes = await log.append(topic, batch);
    const ok = outcomes.flatMap((outcome, at) =>
      outcome.status === 'ok' ? [[ids[at], outcome.partition, outcome.offset]] : [],
    );
    const others = outcomes.flatMap((outcome, at) =>
      outcome.status === 'ok' ? [] : [[ids[at], outcome.status, outcome.error.message]],
    );
    events.write({ event: 'send.ok', records: ok });
    if (others.length > 0) events.write({ event: 'send.unknown', records: others });
  } catch (error) {
    if (!isValenceError(error) || error.recovery !== 'retry') throw error;
    events.write({ event: 'send.fail', ids, code: error.code });
    await pause(200, stop.signal);
  }
}
