/** Which records of a results or dead-letter topic a pipeline wrote, and of which source offset they speak: by their headers. */
import type { EventLog, Headers } from '../ports/event-log.ts';
import { headerText } from './source-record.ts';
import { recordsBetween } from './topic-cursor.ts';

/** One of ours. */
export interface Identity {
  readonly id: string;
  /** Source offset that it speaks of; -1: none, so that it belongs to nothing. */
  readonly offset: number;
}

/** Undefined: the record is somebody else's. */
export type Identify = (headers: Headers) => Identity | undefined;

/** Results of a pipeline on one source topic. */
export function resultsOf(pipeline: string, sourceTopic: string): Identify {
  const source = `/${pipeline}`;
  const prefix = `${sourceTopic}/`;
  return (headers) => {
    if (headerText(headers, 'ce_source') !== source) return undefined;
    const id = headerText(headers, 'ce_id');
    if (id?.startsWith(prefix) !== true) return undefined;
    return { id, offset: offsetOf(id.slice(prefix.length).split('/')[1]) };
  };
}

/** Dead letters of the fold of a source topic; those of a publisher are none of it. */
export function deadLettersOf(sourceTopic: string): Identify {
  return (headers) => {
    if (headerText(headers, 'valence.errors.stage') === 'publish') return undefined;
    if (originOf(headers, 'topic') !== sourceTopic) return undefined;
    const offset = originOf(headers, 'offset') ?? '';
    return { id: `${originOf(headers, 'partition') ?? ''}/${offset}`, offset: offsetOf(offset) };
  };
}

/** Source offset of the last record of ours in a partition; undefined: there is none. */
export async function lastOffset(
  log: EventLog,
  topic: string,
  partition: number,
  identify: Identify,
): Promise<number | undefined> {
  const { start = 0, end = 0 } = (await log.describeTopic(topic))?.partitions[partition] ?? {};
  // Backwards in growing steps: it is near the end, unless the topic is shared.
  let until = end;
  for (let back = 256; until > start; back *= 4) {
    const from = Math.max(start, until - back);
    let last: number | undefined;
    for await (const { headers } of recordsBetween(log, topic, partition, { from, until }))
      last = identify(headers)?.offset ?? last;
    if (last !== undefined) return last;
    until = from;
  }
  return undefined;
}

function offsetOf(text = ''): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : -1;
}

function originOf(headers: Headers, name: string): string | undefined {
  return headerText(headers, `__streams.errors.${name}`);
}
