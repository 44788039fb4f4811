/** Arguments that a command does not take, and what was probably meant by them. */
import type { Environment } from '../config.ts';
import { ValenceError } from '../errors.ts';
import type { Command } from './command.ts';
import { oneLine, shellWord } from './display.ts';
import { counted } from './numbers.ts';

/** Arguments are files and names: what is longer is no help in a line. */
const MOST_SHOWN = 200;
/** The URL of a log is not repeated: it may hold a secret. */
const LOG_URL = /^(?:sqlite|kafka|memory):/;

/**
 * @param name of the command as it is typed, without `valence`
 * @param stray what came beyond the arguments of the command, at least one
 */
export function strayArguments(
  name: string,
  { arguments: taken = [], meant }: Pick<Command, 'arguments' | 'meant'>,
  stray: readonly string[],
  environment: Environment,
): ValenceError {
  const takes = taken.length === 0 ? 'no arguments' : taken.map((each) => each.name).join(' and ');
  return new ValenceError(
    'CONFIG_INVALID',
    `${name} takes ${takes}, and got ${counted(stray.length, 'argument')} more: ${fix()}`,
  );

  function fix(): string {
    if (stray.some((each) => LOG_URL.test(each))) return 'name a log with --log';
    const line = meant?.(shellWord(oneLine(stray[0] ?? '').slice(0, MOST_SHOWN)));
    if (line !== undefined) return `did you mean '${typed(line, environment)}'?`;
    return `${taken.length === 0 ? '' : 'put what has spaces in quotes; '}'valence ${name} --help' shows what there is`;
  }
}

/** npm takes the flags that stand before `--` for its own. */
function typed(line: string, environment: Environment): string {
  const isNpmStart = environment['npm_lifecycle_event'] === 'start';
  const [name, ...rest] = line.split(' ');
  return isNpmStart && name === 'start' ? `npm start -- ${rest.join(' ')}` : `valence ${line}`;
}
