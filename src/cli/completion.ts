// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim completion`: what makes a shell complete commands, options and their values. */
import { Argument, type Command } from 'commander';
import { type CommandWords, commandWords, type OptionWords } from './command-words.js';
import { inQuotes } from './quoted.js';
import { printText } from './terminal.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

export function configure(command: Command): void {
  command
    .addArgument(new Argument('<shell>', 'whose: source <(hmm-sim completion bash)').choices(SHELLS))
    .action((shell: (typeof SHELLS)[number]) => {
      for (const line of { bash, zsh, fish }[shell](commandWords(command.parent!))) printText(line);
    });
}

const spellings = ({ short, long }: OptionWords): string[] =>
  [short, long].filter((name) => name !== undefined);

/** Commands whose first argument is one of some words. */
function firsts(commands: readonly CommandWords[]): Pick<CommandWords, 'name' | 'words'>[] {
  const help = { name: 'help', words: commands.map(({ name }) => name) };
  return [...commands.filter(({ words }) => words.length > 0), help];
}

function bash(commands: readonly CommandWords[]): string[] {
  const values = (command: CommandWords) =>
    command.options
      .filter((option) => option.takesValue)
      .map(({ values: words, ...option }) => {
        const reply = words.length === 0 ? 'return' : `words="${words.join(' ')}"`;
        return `    "${command.name} "${spellings(option as OptionWords).join(`|"${command.name} "`)}) ${reply} ;;`;
      });
  return [
    '# bash completion of hmm-sim',
    '_hmm_sim() {',
    '  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} words=',
    '  COMPREPLY=()',
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    words="${commands.map(({ name }) => name).join(' ')} help --help --version"`,
    '  else case "$command $prev" in',
    ...commands.flatMap(values),
    '    *) case "$cur $command" in',
    ...commands.map(
      ({ name, options }) => `      -*" ${name}") words="${options.flatMap(spellings).join(' ')}" ;;`,
    ),
    ...firsts(commands).map(
      ({ name, words }) => `      *" ${name}") [ "$COMP_CWORD" -ne 2 ] || words="${words.join(' ')}" ;;`,
    ),
    '    esac ;;',
    '  esac; fi',
    '  COMPREPLY=($(compgen -W "$words" -- "$cur"))',
    '}',
    'complete -o default -F _hmm_sim hmm-sim',
  ];
}

function zsh(commands: readonly CommandWords[]): string[] {
  const plain = (text: string): string => text.replace(/[[\]:]/g, ' ');
  const spec = ({ help, takesValue, values }: OptionWords, name: string): string => {
    const value = values.length > 0 ? `:value:(${values.join(' ')})` : ':value:_files';
    return `      ${inQuotes(`${name}[${plain(help)}]${takesValue ? value : ''}`)} \\`;
  };
  return [
    '#compdef hmm-sim',
    '_hmm_sim() {',
    '  if (( CURRENT == 2 )); then',
    '    local -a commands=(',
    ...commands.map(({ name, summary }) => `      ${inQuotes(`${name}:${summary}`)}`),
    '    )',
    '    _describe command commands',
    '    return',
    '  fi',
    '  local command=$words[2]',
    '  (( CURRENT-- ))',
    '  shift words',
    '  case $command in',
    ...commands.flatMap(({ name, words, options }) => [
      `    ${name}) _arguments \\`,
      ...options.flatMap((option) => spellings(option).map((spelling) => spec(option, spelling))),
      ...(words.length === 0 ? [] : [`      '1:word:(${words.join(' ')})' \\`]),
      "      '*:file:_files' ;;",
    ]),
    `    help) _arguments '1:command:(${commands.map(({ name }) => name).join(' ')})' ;;`,
    '  esac',
    '}',
    '# From a directory of $fpath this is the function itself; sourced, it is made known.',
    'if [[ ${funcstack[1]} = _hmm[-_]sim ]]; then _hmm_sim "$@"; else compdef _hmm_sim hmm-sim; fi',
  ];
}

function fish(commands: readonly CommandWords[]): string[] {
  const option = (command: string, { short, long, help, takesValue, values }: OptionWords): string => {
    const names = [short && `-s ${short.slice(1)}`, long && `-l ${long.slice(2)}`].filter(Boolean).join(' ');
    const value = values.length > 0 ? ` -x -a ${inQuotes(values.join(' '))}` : ' -r';
    const when = inQuotes(`__fish_seen_subcommand_from ${command}`);
    return `complete -c hmm-sim -n ${when} ${names}${takesValue ? value : ''} -d ${inQuotes(help)}`;
  };
  const first = ({ name, words }: Pick<CommandWords, 'name' | 'words'>): string => {
    const when = inQuotes(`test (count (commandline -opc)) -eq 2; and __fish_seen_subcommand_from ${name}`);
    return `complete -c hmm-sim -n ${when} -f -a ${inQuotes(words.join(' '))}`;
  };
  return [
    ...commands.flatMap(({ name, summary, options }) => [
      `complete -c hmm-sim -n __fish_use_subcommand -f -a ${name} -d ${inQuotes(summary)}`,
      ...options.map((each) => option(name, each)),
    ]),
    ...firsts(commands).map(first),
  ];
}
