/** `valence config`: what holds, and where it came from. */
import { explainConfig, loadSources, strayVariables } from '../../config-sources.ts';
import type { Command } from '../command.ts';
import { table } from '../display.ts';
import { Output } from '../surroundings.ts';

export const configCommand: Command = {
  name: 'config',
  settings: undefined,
  summary: 'show every setting with its value and where it came from',
  examples: [
    ['config', 'flags beat the environment, which beats the --config file'],
    ['config --config valence.json --json', 'what a file would change'],
  ],
  execute: async (surroundings, flags) => {
    const sources = loadSources(flags, surroundings.environment);
    const settings = explainConfig(sources);
    const out = new Output(surroundings, flags['json'] === true);
    for (const sentence of strayVariables(surroundings.environment))
      out.note(`warning: ${sentence}`);
    if (out.json) {
      await out.values(
        settings.map(({ key, flag, variable, value, origin, commands }) => ({
          key,
          flag: flag ?? null,
          variable,
          value: value ?? null,
          origin,
          commands,
        })),
      );
      return;
    }
    const all = Math.max(...settings.map(({ commands }) => commands.length));
    await out.lines(
      table(
        [{ head: 'SETTING' }, { head: 'VALUE' }, { head: 'FROM' }, { head: 'COMMANDS' }],
        settings.map(({ flag, variable, value, origin, commands }) => [
          flag?.slice(2) ?? variable,
          value === undefined || value === '' ? '-' : value,
          origin,
          commands.length === all ? 'all' : commands.join(', '),
        ]),
        { width: out.width, colors: out.colors },
      ),
    );
  },
};
