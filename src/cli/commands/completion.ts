/** `valence completion bash|zsh|fish`: a static script made from the command tree. */
import type { Command as Parser } from 'commander';
import type { Command } from '../command.ts';
import { Output } from '../surroundings.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** @param program the whole parser, asked for when the command runs */
export function completionCommand(program: () => Parser): Command {
  return {
    name: 'completion',
    settings: 'dlq',
    summary: 'print a completion script for a shell',
    arguments: [{ name: 'SHELL', description: 'bash, zsh or fish', choices: SHELLS }],
    examples: [
      ['completion bash > ~/.local/share/bash-completion/completions/valence', 'for bash'],
      ['completion zsh > "${fpath[1]}/_valence"', 'for zsh'],
      ['completion fish > ~/.config/fish/completions/valence.fish', 'for fish'],
    ],
    execute: async (surroundings, _flags, [shell = '']) => {
      const out = new Output(surroundings, false);
      await out.line(completionScript(shell, wordsOf(program())));
    },
  };
}

/** What may follow: by path of commands (`''`, `dlq`, `dlq list`), subcommands or choices, and flags. */
export type Words = ReadonlyMap<
  string,
  { readonly next: readonly string[]; readonly flags: readonly string[] }
>;

/** Walks the command tree. */
export function wordsOf(parser: Parser, path = ''): Words {
  const children = parser.commands.filter((child) => child.name() !== 'help');
  const choices = parser.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  const words = {
    next: [...children.map((child) => child.name()), ...choices],
    flags: parser.options.flatMap(({ long }) => long ?? []),
  };
  const below = children.flatMap((child) => [...wordsOf(child, `${path} ${child.name()}`.trim())]);
  return new Map([[path, words], ...below]);
}

export function completionScript(shell: string, words: Words): string {
  if (shell === 'fish') return fishScript(words);
  const script = bashScript(words);
  return shell === 'zsh'
    ? `#compdef valence\nautoload -U +X bashcompinit && bashcompinit\n${script}`
    : script;
}

function bashScript(words: Words): string {
  const cases = [...words].map(
    ([path, { next, flags }]) =>
      `    '${path}') next='${next.join(' ')}'; flags='${['--help', ...flags].join(' ')}' ;;`,
  );
  const paths = [...words.keys()].filter((path) => path !== '').join('|');
  return `_valence() {
  local word path='' next='' flags='' current="\${COMP_WORDS[COMP_CWORD]}"
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "|${paths}|" in *"|\${path:+$path }$word|"*) path="\${path:+$path }$word" ;; esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  if [[ "$current" == -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$current"))
  else COMPREPLY=($(compgen -W "$next" -- "$current")); fi
}
complete -o default -F _valence valence`;
}

function fishScript(words: Words): string {
  const lines = [...words].flatMap(([path, { next, flags }]) => {
    const seen = path
      .split(' ')
      .filter((word) => word !== '')
      .map((word) => `__fish_seen_subcommand_from ${word}`);
    const condition = seen.length === 0 ? '__fish_use_subcommand' : seen.join('; and ');
    const start = `complete -c valence -n '${condition}'`;
    return [
      ...(next.length === 0 ? [] : [`${start} -f -a '${next.join(' ')}'`]),
      ...flags.map((flag) => `${start} -l ${flag.slice(2)}`),
    ];
  });
  return lines.join('\n');
}
