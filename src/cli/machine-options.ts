// SPDX-License-Identifier: GPL-2.0-only
/** The options of every command that boots a machine by hand, and the machine that they describe. */
import { randomInt } from 'node:crypto';
import { type Command, Option } from 'commander';
import { withBugs } from '../generations/bugs/index.js';
import { DEFAULT_GENERATION, generationById } from '../generations/index.js';
import type { EfiFakeMem, MachineOptions } from '../machine/machine.js';
import { asFakeMem, checkSpmAddress, planPhysicalMemory } from '../mm/e820.js';
import { UsageError } from '../sim/errors.js';
import { addBugOptions, type BugFlags } from './bug-options.js';
import {
  KERNEL_HELP,
  MODULE_PARAMS,
  parseEfiFakeMem,
  parseKernel,
  parseModuleParam,
  parseNumber,
  parseSize,
} from './values.js';

export interface MachineFlags extends BugFlags {
  readonly kernel: string;
  /** In the order of the command line: modprobe lets the last one win. */
  readonly moduleParam: readonly [name: string, value: string][];
  /** commander's spelling of --no-module. */
  readonly module: boolean;
  readonly efiFakeMem: readonly EfiFakeMem[];
  readonly memory: number;
  readonly hugepages: number;
  readonly thp: 'always' | 'madvise' | 'never';
  readonly seed?: number;
  readonly check: boolean;
}

/** A machine before it boots, and the module parameters to load; null leaves the module out. */
export interface MachinePlan {
  readonly options: MachineOptions & { readonly kernel: string; readonly seed: number };
  readonly moduleParams: Readonly<Record<string, string>> | null;
}

const DEFAULT_MEMORY = 6 * 2 ** 30;
const DEFAULT_HUGEPAGES = 64;
const MAX_HUGEPAGES = 2 ** 24;

/** Collects the values of an option that can be given more than once. */
function collect<T>(parse: (text: string) => T | readonly T[]) {
  return (text: string, previous: readonly T[]): readonly T[] => previous.concat(parse(text));
}

function parseHugepages(text: string): number {
  const pages = parseNumber(text, '--hugepages');
  if (pages > MAX_HUGEPAGES) throw new UsageError(`${text} is too large`, '--hugepages');
  return pages;
}

function option<T>(
  flags: string,
  text: string,
  fallback: T,
  parse: (value: string, previous: T) => T,
): Option {
  return new Option(flags, text).default(fallback).argParser(parse);
}

/** Add the two positionals and the machine's options to `command`. */
export function addMachineOptions(command: Command): Command {
  const params = collect((text: string) => [parseModuleParam(text, '--module-param')]);
  const fakeMem = collect((text: string) => parseEfiFakeMem(text, '--efi-fake-mem'));
  command
    .argument('[spm_addr_dev0]', "where device 0's special purpose memory begins")
    .argument('[spm_addr_dev1]', "where device 1's special purpose memory begins")
    .addOption(
      option('--kernel <id>', KERNEL_HELP, DEFAULT_GENERATION, (text) => parseKernel(text, '--kernel')),
    )
    .addOption(
      new Option(
        '--module-param <name=value>',
        'as modprobe takes it, instead of the two addresses; repeatable',
      )
        .default([], 'none')
        .argParser(params),
    )
    .option('--no-module', 'do not load test_hmm')
    .addOption(
      new Option('--efi-fake-mem <size@start:0x40000,...>', 'soft-reserved memory')
        .default([], '1 GiB at each address, less where the other begins')
        .argParser(fakeMem),
    )
    .addOption(
      new Option('--memory <size>', 'RAM, soft-reserved part included')
        .default(DEFAULT_MEMORY, '6G')
        .argParser((text) => parseSize(text, '--memory')),
    )
    .addOption(option('--hugepages <n>', 'pool of 2 MiB pages', DEFAULT_HUGEPAGES, parseHugepages))
    .addOption(
      new Option('--thp <when>', 'transparent huge pages')
        .choices(['always', 'madvise', 'never'])
        .default('madvise'),
    )
    .addOption(
      new Option('--seed <n>', 'of schedule and random data')
        .default(undefined, 'a new one, printed on stderr')
        .argParser((text) => parseNumber(text, '--seed')),
    )
    .option('--check', 'run the invariant checkers after every system call', false);
  return addBugOptions(command);
}

/** test_hmm's parameters: the two positionals, or --module-param. */
function moduleParams(addresses: readonly string[], flags: MachineFlags): Record<string, string> {
  if (addresses.length === 0) return Object.fromEntries(flags.moduleParam);
  if (flags.moduleParam.length > 0) {
    throw new UsageError('give the addresses as arguments or as --module-param, not both');
  }
  if (addresses.length === 1) {
    throw new UsageError(
      'give both addresses (to set one alone: --module-param spm_addr_dev0=ADDRESS)',
      'spm_addr_dev1',
    );
  }
  return Object.fromEntries(MODULE_PARAMS.map((name, device) => [name, addresses[device]!]));
}

function spmAddresses(params: Readonly<Record<string, string>>): (number | undefined)[] {
  return MODULE_PARAMS.map((name) => {
    const text = params[name];
    if (text === undefined) return undefined;
    const address = parseNumber(text, name);
    checkSpmAddress(address, name);
    return address;
  });
}

/** Parameters in one spelling: users write octal too, as modprobe would take it. */
function canonical(params: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(params);
  return Object.fromEntries(
    entries.map(([name, text]) => [name, `0x${parseNumber(text, name).toString(16)}`]),
  );
}

/** Decide everything about the machine. Throws UsageError; nothing has booted yet. */
export function planMachine(addresses: readonly string[], flags: MachineFlags): MachinePlan {
  const params = moduleParams(addresses, flags);
  const { memory, hugepages, efiFakeMem, kernel, thp, check, seed = randomInt(2 ** 32) } = flags;
  const { bug: bugs, fix: fixes } = flags;
  withBugs(generationById(kernel)!, bugs, fixes);
  const plan = planPhysicalMemory({ memory, hugepages, efiFakeMem, spm: spmAddresses(params) });
  return {
    options: { kernel, memory, hugepages, thp, check, seed, efiFakeMem: asFakeMem(plan), bugs, fixes },
    moduleParams: flags.module ? canonical(params) : null,
  };
}
