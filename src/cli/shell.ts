// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim shell`: the session on a terminal, or driven by lines on standard input. */
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Command } from 'commander';
import { DEFAULT_MODULE } from '../machine/defaults.js';
import type { MachineDescription } from '../machine/description.js';
import { MachinePool } from '../session/machine-pool.js';
import { LoadFailed, type MachineSource } from '../session/runner.js';
import { Setups } from '../session/setup.js';
import { type OpenedDocument, Shell } from '../shell/shell.js';
import { KernelBug, UsageError } from '../sim/errors.js';
import { tellWithoutEffect } from './bug-options.js';
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE } from './exit-codes.js';
import { HostError } from './files/host-error.js';
import { replaceFile } from './files/safe-file.js';
import { loadDrivers } from './insmod.js';
import { interruptible, type Keys } from './interruptible.js';
import { addMachineOptions, type MachineFlags } from './machine-options.js';
import type { Output } from './run.js';
import { readScenarioFileNow } from './scenario-files.js';
import { HISTORY_LINES, History, historyPath } from './shell-history.js';
import { type ShellMachine, shellMachine } from './shell-machine.js';
import { viewsOn } from './shell-views.js';
import { gridPainter } from './show.js';
import { colours, printErrorLine, printLine, printText } from './terminal.js';

const HELP = `
The seed is 0 unless told. On a terminal, Tab completes, Ctrl-C clears the line or ends a step that takes too long, Ctrl-D
ends, and lines of earlier sessions come back (from $XDG_STATE_HOME/hmm-sim/history). "help" lists the commands.`;

export function configure(command: Command): void {
  addMachineOptions(command)
    .addHelpText('after', HELP)
    .action(async (dev0: string | undefined, dev1: string | undefined, flags: MachineFlags) => {
      const machine = shellMachine(
        [dev0, dev1].filter((text) => text !== undefined),
        flags,
        await loadDrivers(flags.insmod),
      );
      tellWithoutEffect(flags, [flags.kernel], printErrorLine);
      const terminal = { input: process.stdin, output: process.stdout };
      process.exitCode = await shellCommand(machine, terminal, {
        out: colours() ? printText : printLine,
        err: printErrorLine,
      });
    });
}

export interface Terminal {
  readonly input: Readable & Keys & { isTTY?: boolean };
  readonly output: Writable & { isTTY?: boolean; columns?: number };
}

/** Where things come from that a test has others of. */
export interface ShellSurroundings {
  readonly source?: MachineSource;
  readonly history?: History;
}

function save(file: string, text: string): void {
  try {
    replaceFile(file, text, 'save');
  } catch (error) {
    // A session goes on.
    throw error instanceof HostError ? new UsageError(error.what, 'save') : error;
  }
}

/** The one document of the file, or the one of that name. Throws UsageError. */
function open(
  file: string,
  name: string | undefined,
  kernel: string,
  { check, insmod }: MachineDescription,
): OpenedDocument {
  const { file: read, mistakes } = readScenarioFileNow(file);
  const [mistake] = mistakes;
  if (mistake !== undefined) throw new UsageError(mistake.message, mistake.where);
  const all = read.loaded.documents;
  const found = name === undefined ? all : all.filter(({ document }) => document.name === name);
  const [one, ...others] = found;
  if (one === undefined) throw new UsageError(`no scenario of that name in ${file}`, 'load');
  if (others.length > 0)
    throw new UsageError(`${found.length} scenarios in ${file}: name one of them`, 'load');
  const { document, written } = one;
  const setup = new Setups({ check, insmod }).of({
    ...document,
    kernel: document.kernel ?? (kernel as never),
  });
  return { document, written, setup };
}

/** The session; or why loading the module with these addresses failed. */
function openShell(
  { setup, block }: ShellMachine,
  { output }: Terminal,
  source: MachineSource,
): Shell | string {
  const views = viewsOn(() => ({ width: output.columns ?? 120, paint: gridPainter() }));
  try {
    return new Shell({
      source,
      setup,
      machineBlock: block,
      save,
      open: (file, name, kernel) => open(file, name, kernel, setup),
      views,
    });
  } catch (error) {
    if (error instanceof LoadFailed) return error.message;
    if (error instanceof KernelBug)
      return `the kernel oopsed while it loaded ${DEFAULT_MODULE.name}: ${error.message}`;
    throw error;
  }
}

/**
 * Read commands until the input ends or `quit`. A line that makes no sense is told; a script goes on with
 * the next, as a document's mistakes do not keep the others from running.
 *
 * Return: the exit status, 64 when a line of a script made no sense.
 */
export async function shellCommand(
  machine: ShellMachine,
  terminal: Terminal,
  output: Output,
  surroundings: ShellSurroundings = {},
): Promise<number> {
  const shell = openShell(machine, terminal, surroundings.source ?? new MachinePool());
  if (typeof shell === 'string') {
    output.out(`# ${shell}`);
    return EXIT_FAILED;
  }
  if (terminal.input.isTTY !== true || terminal.output.isTTY !== true) {
    return obeyScript(terminal, shell, output);
  }
  return converse(terminal, shell, surroundings.history ?? new History(historyPath(process.env)));
}

async function obeyScript({ input }: Terminal, shell: Shell, output: Output): Promise<number> {
  const lines = createInterface({ input, terminal: false });
  let status = EXIT_OK;
  let number = 0;
  for await (const line of lines) {
    number++;
    const { told, mistake } = execute(shell, line);
    told.forEach(output.out);
    if (mistake !== undefined) {
      output.err(`stdin:${number}: ${mistake}`);
      status = EXIT_USAGE;
    }
    if (shell.done) break;
  }
  lines.close();
  return status;
}

/** Question and answer on a terminal: what is told goes there at once, and the prompt behind it. */
async function converse({ input, output }: Terminal, shell: Shell, history: History): Promise<number> {
  const lines = createInterface({
    input,
    output,
    terminal: true,
    completer: (line: string) => shell.complete(line),
    history: history.newestFirst,
    historySize: HISTORY_LINES,
    removeHistoryDuplicates: true,
    prompt: shell.prompt,
  });
  const tell = (line: string): void => void output.write(`${line}\n`);
  lines.on('SIGINT', () => clearLine(lines, output));
  tell('hmm-sim shell: "help" lists the commands');
  lines.prompt();
  for await (const line of lines) {
    history.add(line);
    const { told, mistake, interrupted } = executeUntilInterrupted(input, shell, line);
    // The terminal has shown the key.
    if (interrupted) tell('');
    told.forEach(tell);
    if (mistake !== undefined) tell(`# ${mistake}`);
    if (shell.done) break;
    lines.setPrompt(shell.prompt);
    lines.prompt();
  }
  // Ctrl-D leaves the cursor behind the prompt.
  if (!shell.done) tell('');
  lines.close();
  history.close();
  return EXIT_OK;
}

/** Ctrl-C: what was typed stays to be read, and an empty line follows. */
function clearLine(lines: Interface, output: Writable): void {
  output.write('^C\n');
  lines.write(null, { ctrl: true, name: 'e' });
  lines.write(null, { ctrl: true, name: 'u' });
  lines.prompt();
}

/** What to print, and what is wrong with the line, if anything is. */
interface Executed {
  readonly told: readonly string[];
  readonly mistake?: string;
  readonly interrupted?: true;
}

/** Ctrl-C ends a step that takes too long, and leaves the session as it was before. */
function executeUntilInterrupted(keys: Keys, shell: Shell, line: string): Executed {
  const { moment } = shell;
  const executed = interruptible(keys, () => execute(shell, line));
  if (executed !== undefined) return executed.value;
  const interrupted = true;
  if (interruptible(keys, () => shell.returnTo(moment)) !== undefined)
    return { told: [], mistake: 'interrupted; the session is as it was before', interrupted };
  shell.startOver(moment);
  const mistake = 'interrupted twice; this is a fresh machine, and the recorded steps are gone';
  return { told: [], mistake, interrupted };
}

function execute(shell: Shell, line: string): Executed {
  try {
    return { told: shell.execute(line) };
  } catch (error) {
    if (error instanceof UsageError || error instanceof KernelBug)
      return { told: [], mistake: error.message };
    if (error instanceof LoadFailed) return { told: [], mistake: error.message };
    throw error;
  }
}
