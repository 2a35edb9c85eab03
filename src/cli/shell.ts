// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim shell`: the session on a terminal, or driven by lines on standard input. */
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Command } from 'commander';
import { DEFAULT_MODULE } from '../machine/defaults.js';
import type { MachineBlock } from '../scenario/schema.js';
import { MachinePool } from '../session/machine-pool.js';
import { LoadFailed, type MachineSource } from '../session/runner.js';
import { Setups } from '../session/setup.js';
import { Shell } from '../shell/shell.js';
import { KernelBug, UsageError } from '../sim/errors.js';
import { addBugOptions, tellWithoutEffect } from './bug-options.js';
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE } from './exit-codes.js';
import type { Output } from './run.js';
import { printErrorLine, printLine } from './terminal.js';
import {
  DEFAULT_GENERATION,
  KERNEL_HELP,
  MODULE_PARAMS,
  parseKernel,
  parseNumber,
  SEED_HELP,
} from './values.js';

export interface ShellCommandOptions {
  readonly kernel: string;
  readonly seed?: number;
  readonly check?: boolean;
  readonly bug?: readonly string[];
  readonly fix?: readonly string[];
}

export function configure(command: Command): void {
  command
    .argument('[spm_addr_dev0]', "where device 0's special purpose memory begins")
    .argument('[spm_addr_dev1]', "where device 1's special purpose memory begins")
    .option('--kernel <id>', KERNEL_HELP, (text) => parseKernel(text, '--kernel'), DEFAULT_GENERATION)
    .option('--check', 'run the invariant checkers after every system call')
    .option('--seed <n>', SEED_HELP, (text) => parseNumber(text, '--seed'));
  addBugOptions(command).action(
    async (dev0: string | undefined, dev1: string | undefined, options: ShellCommandOptions) => {
      const given = [dev0, dev1].filter((text) => text !== undefined);
      const spm = given.map((text, device) => parseNumber(text, MODULE_PARAMS[device]!));
      const terminal = { input: process.stdin, output: process.stdout };
      process.exitCode = await shellCommand(spm, options, terminal, { out: printLine, err: printErrorLine });
    },
  );
}

export interface Terminal {
  readonly input: Readable & { isTTY?: boolean };
  readonly output: Writable & { isTTY?: boolean };
}

function save(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new UsageError(`cannot write ${file} (${(error as NodeJS.ErrnoException).code})`, 'save');
  }
}

/** The session; or why loading the module with these addresses failed. */
function openShell(
  spm: readonly number[],
  options: ShellCommandOptions,
  source: MachineSource,
): Shell | string {
  const { kernel, seed, check, bug = [], fix = [] } = options;
  const machineBlock: MachineBlock = {
    spm: spm.map((address) => `0x${address.toString(16)}`),
    ...(bug.length === 0 ? {} : { bugs: [...bug] }),
    ...(fix.length === 0 ? {} : { fixes: [...fix] }),
  };
  const setup = new Setups({ seed, check }).of({ kernel, machine: machineBlock });
  try {
    return new Shell({ source, setup, machineBlock, save });
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
  spm: readonly number[],
  options: ShellCommandOptions,
  terminal: Terminal,
  output: Output,
  source: MachineSource = new MachinePool(),
): Promise<number> {
  if (spm.length === 1) {
    throw new UsageError('expected no address, or both spm_addr_dev0 and spm_addr_dev1', 'shell');
  }
  tellWithoutEffect(options, [options.kernel], output.err);
  const shell = openShell(spm, options, source);
  if (typeof shell === 'string') {
    output.out(`# ${shell}`);
    return EXIT_FAILED;
  }
  const interactive = terminal.input.isTTY === true && terminal.output.isTTY === true;
  const lines = createInterface({
    input: terminal.input,
    ...(interactive ? { output: terminal.output, completer: (line: string) => shell.complete(line) } : {}),
    terminal: interactive,
    historySize: 1000,
    prompt: shell.prompt,
  });
  const status = await obey(lines, shell, interactive, output);
  lines.close();
  return status;
}

async function obey(
  lines: ReturnType<typeof createInterface>,
  shell: Shell,
  interactive: boolean,
  output: Output,
): Promise<number> {
  let status = EXIT_OK;
  let number = 0;
  if (interactive) {
    output.out('hmm-sim shell: "help" lists the commands');
    lines.prompt();
  }
  for await (const line of lines) {
    number++;
    const mistake = execute(shell, line, output);
    if (mistake !== undefined) {
      output.err(interactive ? mistake : `stdin:${number}: ${mistake}`);
      if (!interactive) status = EXIT_USAGE;
    }
    if (shell.done) break;
    if (interactive) {
      lines.setPrompt(shell.prompt);
      lines.prompt();
    }
  }
  return status;
}

/** Return: what is wrong with the line, if anything is. */
function execute(shell: Shell, line: string, output: Output): string | undefined {
  try {
    for (const text of shell.execute(line)) output.out(text);
    return undefined;
  } catch (error) {
    if (error instanceof UsageError || error instanceof KernelBug) return error.message;
    throw error;
  }
}
