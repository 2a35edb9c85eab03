// SPDX-License-Identifier: GPL-2.0-only
/** The command line as data, from the commands themselves: what completion and the man page are made of. */
import type { Command, Help, Option } from 'commander';
import { bugs } from '../generations/bugs/index.js';
import { KERNELS } from './values.js';

export interface OptionWords {
  readonly short: string | undefined;
  readonly long: string | undefined;
  /** "--kernel <id>". */
  readonly flags: string;
  readonly help: string;
  readonly takesValue: boolean;
  /** What it can be; empty where that is a file, a number, a name. */
  readonly values: readonly string[];
}

export interface CommandWords {
  readonly name: string;
  readonly summary: string;
  /** "[options] <files...>". */
  readonly usage: string;
  /** What its first argument can be: commands of its own, or the choices there are. */
  readonly words: readonly string[];
  /** Those of its own commands, too. */
  readonly options: readonly OptionWords[];
}

const bugIds = bugs.map(({ id }) => id);

/** Values of options that have no list of their own. */
const valuesOf: Readonly<Record<string, readonly string[]>> = {
  '--kernel': KERNELS,
  '--against': KERNELS,
  '--not-equal-to': KERNELS,
  '--bug': bugIds,
  '--fix': bugIds,
};

function optionWords({
  short,
  long,
  flags,
  description,
  required,
  optional,
  argChoices,
}: Option): OptionWords {
  const takesValue = required || optional;
  const values = takesValue ? (argChoices ?? valuesOf[long ?? ''] ?? []) : [];
  return { short, long, flags, help: description, takesValue, values };
}

/** The commands of a program that has loaded all of them, in the order of --help. */
export function commandWords(program: Command): CommandWords[] {
  const help = program.createHelp();
  return help
    .visibleCommands(program)
    .filter((command) => command.name() !== 'help')
    .map((command) => ({
      name: command.name(),
      summary: command.summary(),
      usage: command.usage(),
      words: firstWords(command),
      options: optionsOf(command, help),
    }));
}

function firstWords({ commands, registeredArguments: [first] }: Command): readonly string[] {
  return [...commands.map((command) => command.name()), ...(first?.argChoices ?? [])];
}

function optionsOf(command: Command, help: Help): OptionWords[] {
  const all = [command, ...command.commands].flatMap((one) => help.visibleOptions(one).map(optionWords));
  return all.filter(({ flags }, n) => all.findIndex((one) => one.flags === flags) === n);
}
