// SPDX-License-Identifier: GPL-2.0-only
/** The scenarios of one file, for commands that show them one by one, with the machines that they ask for. */
import { type Command, Option } from 'commander';
import type { Machine } from '../machine/machine.js';
import type { Limits } from '../scenario/limits.js';
import type { LoadedDocument } from '../scenario/load.js';
import { bootMachine } from '../session/machine-pool.js';
import { acquireFor, LoadFailed } from '../session/runner.js';
import { type MachineSetup, Setups } from '../session/setup.js';
import { KernelBug, UsageError } from '../sim/errors.js';
import { addBugOptions, type BugFlags, isTakenBack, tellWithoutEffect } from './bug-options.js';
import { errorOf } from './input.js';
import { addInsmodOption, type InsmodFlags, loadDrivers } from './insmod.js';
import { addMaxSize, fewOf } from './limit-options.js';
import { type ProfileFlags, profileOption } from './machine-profile.js';
import { namePattern } from './name-pattern.js';
import { readScenarioFiles } from './scenario-files.js';
import { printErrorLine } from './terminal.js';
import { KERNEL_HELP, parseKernel, parseNumber, SEED_HELP } from './values.js';

export interface ChoiceOptions extends BugFlags, InsmodFlags, ProfileFlags {
  readonly kernel?: string;
  readonly name?: string;
  readonly seed?: number;
  readonly maxSize?: Limits;
}

/** Add FILE and the options that choose scenarios and machines. */
export function addChoiceOptions(command: Command): Command {
  command
    .argument('<file>', 'YAML, JSON or JSON Lines (.gz too), or - for standard input')
    .addOption(
      new Option('--kernel <id>', `${KERNEL_HELP}; overrides the document's`).argParser((text) =>
        parseKernel(text, '--kernel'),
      ),
    )
    .addOption(profileOption("; instead of the document's own, but for what that says of it"))
    .option('--name <pattern>', 'only scenarios whose name has PATTERN in it, or matches it with * and ?')
    .option('--seed <n>', `${SEED_HELP}; overrides the document's`, (text) => parseNumber(text, '--seed'));
  return addInsmodOption(addBugOptions(addMaxSize(command)));
}

export interface Chosen {
  readonly loaded: LoadedDocument;
  readonly setup: MachineSetup;
}

/** The machines that documents get with these options. */
export async function setupsOf(options: ChoiceOptions): Promise<Setups> {
  const { kernel, machine: profile, seed, bug, fix, insmod } = options;
  return new Setups({ kernel, profile, seed, bugs: bug, fixes: fix, insmod: await loadDrivers(insmod) });
}

/** Throws UsageError for a file that does not load, or has no such scenario. Mistakes beyond the first go to stderr. */
export async function chooseScenarios(file: string, options: ChoiceOptions): Promise<Chosen[]> {
  const reading = { limits: options.maxSize, note: printErrorLine };
  const { files, mistakes } = await readScenarioFiles([file], reading);
  const { few, last } = fewOf(mistakes);
  for (const line of few) printErrorLine(line);
  if (last !== undefined) throw errorOf(last);
  const matches = namePattern(options.name);
  const setups = await setupsOf(options);
  const chosen = files
    .flatMap(({ loaded }) => loaded.documents)
    .filter(({ document }) => matches(document.name))
    .map((loaded) => ({ loaded, setup: setups.of(loaded.document) }));
  tellWithoutEffect(
    options,
    chosen.flatMap(({ loaded, setup }) =>
      isTakenBack(loaded.document, options) ? [] : [setup.generation.id],
    ),
    printErrorLine,
  );
  if (chosen.length > 0) return chosen;
  throw new UsageError(
    options.name === undefined ? 'no scenarios there' : `no scenario is named like ${options.name}`,
  );
}

/** The machine; or, where its module does not load and the document expects it to, why not, in one line. */
export function bootChosen({ setup, loaded }: Chosen): Machine | string {
  try {
    return acquireFor({ acquire: bootMachine }, setup, loaded.document).machine as Machine;
  } catch (error) {
    if (error instanceof LoadFailed) return error.message;
    if (!(error instanceof KernelBug)) throw error;
    return `oops in ${error.fn} while the module was loaded: ${error.reason}`;
  }
}
