// SPDX-License-Identifier: GPL-2.0-only
/** The hmm-sim command: finds the command that is asked for, loads only that, and presents what goes wrong. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';

/** Adds a command's arguments, options and action. */
export type Configure = (command: Command) => void;

interface Entry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<{ configure: Configure }>;
}

/** In the order of --help. */
const commands: readonly Entry[] = [
  {
    name: 'smoke',
    summary: 'run hmm-tests on a simulated test_hmm module, and print KTAP',
    load: () => import('./smoke.js'),
  },
  {
    name: 'triage',
    summary: 'read logs of hmm-tests, and name what explains and reproduces their failures',
    load: () => import('./triage.js'),
  },
  {
    name: 'run',
    summary: 'run scenario documents, and compare what they expect',
    load: () => import('./run.js'),
  },
  {
    name: 'explain',
    summary: 'tell why each page of a scenario did, or did not do, what was asked',
    load: () => import('./explain.js'),
  },
  {
    name: 'show',
    summary: 'draw a scenario: pages by steps, where each is and who may use it',
    load: () => import('./show.js'),
  },
  {
    name: 'shell',
    summary: 'take steps on a loaded module one by one',
    load: () => import('./shell.js'),
  },
  {
    name: 'bugs',
    summary: 'list bugs that can be brought back, or fixed, and show that they do what they did',
    load: () => import('./bugs.js'),
  },
  {
    name: 'differences',
    summary: 'list the behaviours in which two kernels differ, each with what shows it',
    load: () => import('./differences.js'),
  },
  {
    name: 'features',
    summary: 'list the systems that are simulated, and run what proves each',
    load: () => import('./features.js'),
  },
  {
    name: 'schema',
    summary: 'print the JSON Schema of scenario documents',
    load: () => import('./schema.js'),
  },
  {
    name: 'shrink',
    summary: 'make a scenario as small as it can be while it still shows something',
    load: () => import('./shrink.js'),
  },
  {
    name: 'fuzz',
    summary: 'make scenarios up, and keep the least of each sort that finds something',
    load: () => import('./fuzz.js'),
  },
  {
    name: 'export',
    summary: 'write scenarios as a C program for a real kernel',
    load: () => import('./export.js'),
  },
  {
    name: 'trace',
    summary: 'compare the functions that a real kernel entered with those that are entered here',
    load: () => import('./trace.js'),
  },
  {
    name: 'modinfo',
    summary: 'show what there is to know about a module: test_hmm, amdgpu',
    load: () => import('./modinfo.js'),
  },
  {
    name: 'completion',
    summary: 'print what makes bash, zsh or fish complete this command line',
    load: () => import('./completion.js'),
  },
];

/** What main shares with commands would be one more file to load: not by packageFile(). */
function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** The last value that an option took, and whose it is: it may have been meant as the argument that is missing. */
function takenBy({ options }: Command, args: readonly string[]): string | undefined {
  for (let i = args.length - 2; i >= 0; i--) {
    const option = options.find(({ short, long }) => args[i] === short || args[i] === long);
    if (option !== undefined && !option.isBoolean()) return `${args[i + 1]} is the value of ${args[i]}`;
  }
  return undefined;
}

const meaningLine = ([code, meaning]: readonly [string, string]): string => `  ${code.padEnd(14)} ${meaning}`;

/** The whole command line, with only those commands loaded that `wanted` wants. */
async function buildProgram(
  wanted: (name: string) => boolean,
  args: readonly string[] = [],
): Promise<Command> {
  const { Command } = await import('commander');
  const [{ oneLine }, { printNow: writeOut }, { EXIT_MEANINGS }] = await Promise.all([
    import('./failure.js'),
    import('./terminal.js'),
    import('./exit-codes.js'),
  ]);
  const program = new Command('hmm-sim')
    .description(
      'Linux HMM on a simulated machine: the test_hmm driver, its selftest, and the memory core below',
    )
    .version(version(), '--version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .exitOverride()
    .addHelpText('after', () => `\nExit status:\n${EXIT_MEANINGS.map(meaningLine).join('\n')}`)
    .configureOutput({ writeOut, outputError: (text, write) => write(oneLine(text)) });
  for (const { name, summary, load } of commands) {
    const command = program.command(name).summary(summary).description(summary);
    command.configureOutput({
      writeOut,
      outputError: (text, write) => write(oneLine(text, name, takenBy(command, args))),
    });
    if (wanted(name)) (await load()).configure(command);
    for (const inner of command.commands)
      inner.configureOutput({
        writeOut,
        outputError: (text, write) => write(oneLine(text, `${name} ${inner.name()}`, takenBy(inner, args))),
      });
  }
  return program;
}

/** With every command loaded, for who tells of them all. */
export function wholeProgram(): Promise<Command> {
  return buildProgram(() => true);
}

/** commander shows the general help for `help x` and `x --help`, without a word about x. */
async function checkHelpTopic([command = '-', ...rest]: readonly string[]): Promise<void> {
  const names = commands.map(({ name }) => name);
  const asks = !command.startsWith('-') && rest.some((arg) => arg === '-h' || arg === '--help');
  const topic = command === 'help' ? rest[0] : asks ? command : undefined;
  if (topic === undefined || topic.startsWith('-') || names.includes(topic)) return;
  const { UsageError } = await import('../sim/errors.js');
  const { didYouMean } = await import('./suggest.js');
  throw new UsageError(`unknown command "${topic}"${didYouMean(topic, names)}`);
}

/** Run one command line (without the program's name). Sets process.exitCode. */
export async function run(args: readonly string[]): Promise<void> {
  if (args.length === 1 && args[0] === '--version') {
    (await import('./terminal.js')).printNow(`${version()}\n`);
    return;
  }
  try {
    const { endOnLostOutput } = await import('./terminal.js');
    endOnLostOutput();
    await checkHelpTopic(args);
    const shown = args.length === 0 ? ['--help'] : args;
    const wanted = (name: string) => shown.includes(name) || shown.includes('completion');
    await (await buildProgram(wanted, shown)).parseAsync(shown, { from: 'user' });
  } catch (error) {
    // The installation lacks something, maybe what presents errors.
    if ((error as NodeJS.ErrnoException | null)?.code === 'ERR_MODULE_NOT_FOUND') throw error;
    const [{ present }, { printErrorText }] = await Promise.all([
      import('./failure.js'),
      import('./terminal.js'),
    ]);
    const { exitCode, lines } = present(error);
    for (const line of lines) printErrorText(line);
    process.exitCode = exitCode;
  }
}
