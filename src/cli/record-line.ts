/** A record of a topic on one line of a terminal. */
import { cut, oneLine, type Palette } from './display.ts';
import { counted } from './numbers.ts';
import { at, type RecordJson } from './record-json.ts';

/** Place, kind, what it says: cut to `width` cells. */
export function recordLine(record: RecordJson, width: number, colors: Palette): string {
  const { partition, offset, timestamp, value } = record;
  const place = `${clock(timestamp)}  ${partition}/${offset}`.padEnd(18);
  const { mark, words } = describe(record, value);
  const room = Math.max(0, width - place.length - mark.length - 4);
  return `${colors.dim(place)}  ${paint(mark, colors)}  ${cut(oneLine(words), room)}`;
}

interface Described {
  readonly mark: string;
  readonly words: string;
}

function describe(record: RecordJson, value: unknown): Described {
  const word = (path: string): string => show(at(value, path));
  switch (at(value, 'type')) {
    case 'prediction': {
      const truth = at(value, 'label') === undefined ? '' : ` (${word('label')})`;
      const p = at(at(value, 'probabilities'), word('prediction'));
      const sure = typeof p === 'number' ? ` ${p.toFixed(2)}` : '';
      const mark = tick(at(value, 'correct'));
      const answer = at(value, 'prediction') === null ? 'no answer yet' : word('prediction');
      return { mark, words: `${answer}${sure}${truth}  ${word('id')}  ${word('model')}` };
    }
    case 'outcome':
      return {
        mark: tick(at(value, 'correct')),
        words: `label ${word('label')}: ${word('status')}  ${word('id')}  ${word('model')}`,
      };
    case 'metrics':
      return {
        mark: '=',
        words:
          `${word('model')}: ${word('scored')} scored, accuracy ${figure(at(value, 'rolling.accuracy'))} of the last, ` +
          `${figure(at(value, 'cumulative.accuracy'))} of all`,
      };
    case 'alert':
      return {
        mark: at(value, 'state') === 'firing' ? '!' : '✓',
        words: `${word('rule')} ${word('state')}: ${figure(at(value, 'value'))}  ${word('model')}`,
      };
    case 'drift':
      return { mark: '~', words: `${driftOf(value)}  ${word('model')}` };
    default:
      return describeOther(record, value);
  }
}

function describeOther({ key, headers }: RecordJson, value: unknown): Described {
  const code = headers['valence.errors.code'];
  if (code !== undefined)
    return { mark: '✗', words: `${show(code)}: ${show(headers['__streams.errors.message'])}` };
  const text = at(value, 'text');
  const label = at(value, 'label');
  const truth = label === undefined || label === null ? '' : `(${show(label)}) `;
  if (text !== undefined) return { mark: '·', words: `${show(key)}  ${truth}${show(text)}` };
  if (label !== undefined)
    return {
      mark: '·',
      words: `${show(at(value, 'id'))}  ${label === null ? 'label withdrawn' : `label ${show(label)}`}`,
    };
  const base64 = at(value, 'base64');
  if (typeof base64 === 'string')
    return { mark: '·', words: `${Math.floor((base64.replaceAll('=', '').length * 3) / 4)} bytes` };
  return { mark: '·', words: show(value) };
}

/** `drift: wrong answers 0.1719 → 0.4844 over 128 records · 1,400 documents forgotten` */
function driftOf(value: unknown): string {
  const signal = show(at(value, 'signal'));
  const what = DRIFTED.get(signal) ?? signal;
  const [before, after, records] = ['before', 'after', 'records'].map((name) =>
    at(value, `evidence.${name}`),
  );
  if (before === undefined || after === undefined) return `drift: ${what}`;
  const span = records === undefined ? '' : ` over ${show(records)} records`;
  const forgotten = at(value, 'reaction.forgotten');
  const reaction =
    typeof forgotten === 'number' ? ` · ${counted(forgotten, 'document')} forgotten` : '';
  return `drift: ${what} ${figure(before)} → ${figure(after)}${span}${reaction}`;
}

const DRIFTED: ReadonlyMap<string, string> = new Map([
  ['error', 'wrong answers'],
  ['unknown', 'unknown words'],
  ['classes', 'a class among the answers'],
  ['confidence', 'confidence'],
  ['length', 'features of a text'],
]);

function paint(mark: string, colors: Palette): string {
  if (mark === '✓') return colors.green(mark);
  if (mark === '✗') return colors.red(mark);
  return mark === '!' || mark === '~' ? colors.yellow(mark) : colors.dim(mark);
}

function tick(correct: unknown): string {
  if (correct === undefined) return '·';
  return correct === true ? '✓' : '✗';
}

function figure(value: unknown): string {
  return typeof value === 'number' ? String(Math.round(value * 10_000) / 10_000) : show(value);
}

function show(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Time of day, UTC. */
function clock(timestamp: number): string {
  return new Date(timestamp).toISOString().slice(11, 19);
}
