// SPDX-License-Identifier: GPL-2.0-only
/** The shell's machine as the command line says it, and what a saved document says of it. */
import { MACHINE_DEFAULTS } from '../machine/defaults.js';
import type { MachineDescription } from '../machine/description.js';
import type { MachineBlock } from '../scenario/schema.js';
import { machineOf } from './flagged-machine.js';
import type { MachineFlags } from './machine-options.js';
import { MODULE_PARAMS } from './values.js';

export interface ShellMachine {
  readonly setup: MachineDescription;
  readonly block: MachineBlock;
  /** What documents have no words for. */
  readonly unsaid: readonly string[];
}

/** Addresses as documents list them: device 0's, then device 1's. */
function spmOf(params: Readonly<Record<string, string>>): string[] {
  const [first, second] = MODULE_PARAMS.map((name) => params[name]);
  if (first === undefined) return [];
  return second === undefined ? [first] : [first, second];
}

function unsaidOf(flags: MachineFlags, params: Readonly<Record<string, string>>): string[] {
  const [first, second] = MODULE_PARAMS.map((name) => params[name]);
  return [
    ...(flags.efiFakeMem.length === 0 ? [] : ['--efi-fake-mem']),
    ...(flags.schedule === MACHINE_DEFAULTS.schedule ? [] : [`--schedule ${flags.schedule}`]),
    ...(first === undefined && second !== undefined ? [`--module-param ${MODULE_PARAMS[1]}=${second}`] : []),
  ];
}

/** Throws UsageError. The seed is 0 unless told: what was typed once answers the same again. */
export function shellMachine(addresses: readonly string[], flags: MachineFlags): ShellMachine {
  const { seed = MACHINE_DEFAULTS.seed } = flags;
  const setup = machineOf(addresses, { ...flags, seed });
  const { memory, hugepages, thp, bugs, fixes } = setup;
  // Without --no-module, to see what it would be given.
  const params = machineOf(addresses, { ...flags, seed, module: true }).module?.params ?? {};
  const changed = <T>(name: string, value: T, usual: T): object => (value === usual ? {} : { [name]: value });
  const block: MachineBlock = {
    spm: spmOf(params),
    ...changed('memory', memory, MACHINE_DEFAULTS.memory),
    ...changed('hugepages', hugepages, MACHINE_DEFAULTS.hugepages),
    ...changed('thp', thp, MACHINE_DEFAULTS.thp),
    ...changed('module', flags.module, true),
    ...changed('spmMemory', flags.spmMemory, true),
    ...(bugs.length === 0 ? {} : { bugs: [...bugs] }),
    ...(fixes.length === 0 ? {} : { fixes: [...fixes] }),
    ...changed('seed', seed, MACHINE_DEFAULTS.seed),
  };
  return { setup, block, unsaid: unsaidOf(flags, params) };
}
