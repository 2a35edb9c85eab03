// SPDX-License-Identifier: GPL-2.0-only
/** The options of every command that boots a machine by hand. */
import { type Command, Option } from 'commander';
import { DEFAULT_MODULE, MACHINE_DEFAULTS, SCHEDULES, type Schedule } from '../machine/defaults.js';
import type { FakeMem } from '../mm/e820.js';
import type { ThpMode } from '../mm/kernel.js';
import { UsageError } from '../sim/errors.js';
import { addBugOptions, type BugFlags } from './bug-options.js';
import { addInsmodOption, type InsmodFlags } from './insmod.js';
import { type ProfileFlags, profileOfOptions } from './machine-profile.js';
import {
  KERNEL_HELP,
  parseEfiFakeMem,
  parseKernel,
  parseModuleParam,
  parseNumber,
  parseSize,
  SEED_HELP,
} from './values.js';

export interface MachineFlags extends BugFlags, InsmodFlags, ProfileFlags {
  readonly kernel: string;
  /** In the order of the command line: modprobe lets the last one win. */
  readonly moduleParam: readonly [name: string, value: string][];
  /** commander's spelling of --no-module. */
  readonly module: boolean;
  readonly efiFakeMem: readonly FakeMem[];
  /** commander's spelling of --no-spm-memory. */
  readonly spmMemory: boolean;
  readonly memory: number;
  readonly hugepages: number;
  readonly swap: number;
  readonly thp: ThpMode;
  readonly physBits: number;
  readonly kaslr: boolean;
  readonly nodes: number;
  readonly seed?: number;
  readonly schedule: Schedule;
  readonly check: boolean;
  /** Of smoke: a suite, which says what module is loaded. */
  readonly suite?: string;
}

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

const MAX_NODES = 8;

function parseNodes(text: string): number {
  const nodes = parseNumber(text, '--nodes');
  if (nodes >= 1 && nodes <= MAX_NODES) return nodes;
  throw new UsageError(`${text} is not a number of nodes (expected 1 to ${MAX_NODES})`, '--nodes');
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
      option('--kernel <id>', KERNEL_HELP, MACHINE_DEFAULTS.kernel, (text) => parseKernel(text, '--kernel')),
    )
    .addOption(profileOfOptions())
    .addOption(
      new Option(
        '--module-param <name=value>',
        'as modprobe takes it, instead of the two addresses; repeatable',
      )
        .default([], 'none')
        .argParser(params),
    )
    .option('--no-module', `do not load ${DEFAULT_MODULE.name}`)
    .addOption(
      new Option('--efi-fake-mem <size@start:0x40000,...>', 'soft-reserved memory')
        .default([], '1 GiB at each address, less where the other begins')
        .argParser(fakeMem),
    )
    .option(
      '--no-spm-memory',
      'nothing is reserved at the two addresses: there is RAM, or beyond it no memory',
    )
    .addOption(
      new Option('--memory <size>', 'RAM, soft-reserved part included')
        .default(MACHINE_DEFAULTS.memory, '6G')
        .argParser((text) => parseSize(text, '--memory')),
    )
    .addOption(option('--hugepages <n>', 'pool of 2 MiB pages', MACHINE_DEFAULTS.hugepages, parseHugepages))
    .addOption(
      new Option('--swap <size>', 'a swap device, on a RAM disk')
        .default(MACHINE_DEFAULTS.swap, 'none')
        .argParser((text) => parseSize(text, '--swap')),
    )
    .addOption(
      new Option('--thp <when>', 'transparent huge pages')
        .choices(['always', 'madvise', 'never'])
        .default(MACHINE_DEFAULTS.thp),
    )
    .addOption(
      option(
        '--phys-bits <n>',
        'width of physical addresses; private device memory lies at their end',
        MACHINE_DEFAULTS.physBits,
        (text) => parseNumber(text, '--phys-bits'),
      ),
    )
    .addOption(option('--nodes <n>', 'NUMA nodes that share the RAM', MACHINE_DEFAULTS.nodes, parseNodes))
    .option('--kaslr', "the kernel's own maps are at addresses of chance", MACHINE_DEFAULTS.kaslr)
    .addOption(
      new Option('--seed <n>', SEED_HELP)
        .default(undefined, 'a new one, printed on stderr')
        .argParser((text) => parseNumber(text, '--seed')),
    )
    .addOption(
      new Option(
        '--schedule <how>',
        'who runs next: a task until it blocks, or at every lock, fault and wake any',
      )
        .choices([...SCHEDULES])
        .default(MACHINE_DEFAULTS.schedule),
    )
    .option('--check', 'run the invariant checkers after every system call', false);
  return addInsmodOption(addBugOptions(command));
}
