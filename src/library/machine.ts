// SPDX-License-Identifier: GPL-2.0-only
/** The machine of the library: its options in the library's words, mistakes of programs in a sentence. */
import type { KernelId } from '../generations/index.js';
import { moduleAt } from '../machine/defaults.js';
import { describeMachine, type MachineDescription, type MachineOptions } from '../machine/description.js';
import { Machine as CoreMachine, type Process } from '../machine/machine.js';
import { moduleNamed } from '../machine/registry.js';
import { UsageError } from '../sim/errors.js';
import { didYouMean } from '../sim/suggest.js';
import type { Task } from '../sim/task.js';
import type { ProcessHandle, Sys, UserMain } from '../user/api.js';
import { CarefulProgram, carefully } from './careful.js';
import type { OutsideDriver } from './driver.js';
import { checkDriver, paramsOf } from './insmod.js';

export interface BootOptions extends Omit<MachineOptions, 'kernel' | 'module' | 'load' | 'insmod'> {
  readonly kernel?: KernelId | undefined;
  /** Where the special purpose memory of the coherent devices begins: reserved, and what loadModule() passes on. */
  readonly spm?: readonly [dev0: number, dev1: number] | undefined;
}

/** Every option: one that is missing here is a type error. */
const OPTIONS: Readonly<Record<keyof BootOptions, true>> = {
  kernel: true,
  profile: true,
  memory: true,
  hugepages: true,
  swap: true,
  thp: true,
  physBits: true,
  kaslr: true,
  nodes: true,
  efiFakeMem: true,
  spmMemory: true,
  spm: true,
  seed: true,
  bugs: true,
  fixes: true,
  check: true,
  schedule: true,
  scheduler: true,
};

/** What the machine's own code calls the options, after the command line. */
const WORDS: Readonly<Record<string, string>> = {
  '--kernel': 'kernel',
  '--memory': 'memory',
  '--efi-fake-mem': 'efiFakeMem',
  '--bug': 'bugs',
  '--fix': 'fixes',
  modprobe: 'loadModule',
  spm_addr_dev0: 'spm[0]',
  spm_addr_dev1: 'spm[1]',
};

function inOurWords<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof UsageError) || error.where === undefined) throw error;
    throw new UsageError(error.what, WORDS[error.where] ?? error.where);
  }
}

function checkOptions(options: BootOptions): void {
  for (const name of Object.keys(options)) {
    if (name in OPTIONS) continue;
    throw new UsageError(`unknown option "${name}"${didYouMean(name, Object.keys(OPTIONS))}`, 'boot');
  }
}

/** Throws UsageError, in the library's words. */
export function describe(options: BootOptions): MachineDescription {
  checkOptions(options);
  const { spm, ...rest } = options;
  if (spm !== undefined && (!Array.isArray(spm) || spm.length !== 2)) {
    throw new UsageError('expected the addresses of both devices, [dev0, dev1]', 'spm');
  }
  return inOurWords(() => describeMachine(spm === undefined ? rest : { ...rest, module: moduleAt(spm) }));
}

/** Numbers are as good as what modprobe takes. Throws UsageError for what the module does not know. */
function moduleParams(
  name: string,
  params: Readonly<Record<string, string | number>>,
): Readonly<Record<string, string>> {
  return paramsOf(inOurWords(() => moduleNamed(name)).module, params, 'loadModule');
}

export class Machine extends CoreMachine {
  /** Throws UsageError for an option that is unknown or wrong, naming it. */
  static override boot(options: BootOptions = {}): Machine {
    return new Machine(describe(options));
  }

  static override bootAs(description: MachineDescription): Machine {
    return new Machine(description);
  }

  protected constructor(description: MachineDescription) {
    super(description);
    this.newProgram = (process, outside) => new CarefulProgram(process, outside);
  }

  /**
   * modprobe. Return: 0 or a negative errno; throws KernelBug when the simulated kernel oopses, UsageError for an
   * unknown module or parameter. `params`: by default the addresses that the machine was booted with.
   */
  override loadModule(name: string, params?: Readonly<Record<string, string | number>>): number {
    const laidOut = this.description.module?.name === name ? this.description.module.params : {};
    const given = params === undefined ? laidOut : moduleParams(name, params);
    return inOurWords(() => super.loadModule(name, given));
  }

  /**
   * insmod, of what defineDriver() of `hmm-sim/driver` has made. Return: 0 or a negative errno; throws KernelBug when the
   * driver oopses, with its line, UsageError for what is no driver, or one for another version of the interface.
   */
  override insmod(driver: OutsideDriver, params: Readonly<Record<string, string | number>> = {}): number {
    checkDriver(driver, 'insmod');
    return super.insmod(driver, paramsOf(driver.module, params, 'insmod'));
  }

  /** A new process that runs `main`. */
  override start(name: string, main: UserMain): Process {
    return super.start(name, carefully(main));
  }

  /**
   * Run `fn` as a thread of `process`, and every other task as scheduled, until `fn` returns.
   * Throws KernelBug on an oops, Hang when nothing can run or `limitNs` of simulated time is over, ProcessDied when
   * the process died meanwhile, UsageError when `fn` is no generator or has called what it did not wait for.
   */
  override call<T>(handle: ProcessHandle, fn: (sys: Sys) => Task<T>, limitNs?: number): T {
    return super.call(handle, carefully(fn as UserMain) as unknown as (sys: Sys) => Task<T>, limitNs);
  }
}
