// SPDX-License-Identifier: GPL-2.0-only
/** The shell's machine as the command line says it, and what a saved document says of it. */
import { MACHINE_DEFAULTS } from '../machine/defaults.js';
import type { MachineDescription } from '../machine/description.js';
import type { Insmod } from '../machine/registry.js';
import { machineBlock } from '../record/machine-block.js';
import type { MachineBlock } from '../scenario/schema.js';
import { machineOf } from './flagged-machine.js';
import type { MachineFlags } from './machine-options.js';

export interface ShellMachine {
  readonly setup: MachineDescription;
  readonly block: MachineBlock;
}

/** Throws UsageError. The seed is 0 unless told: what was typed once answers the same again. */
export function shellMachine(
  addresses: readonly string[],
  flags: MachineFlags,
  insmod: readonly Insmod[] = [],
): ShellMachine {
  const { seed = MACHINE_DEFAULTS.seed } = flags;
  const setup = machineOf(addresses, { ...flags, seed }, insmod);
  return { setup, block: machineBlock(setup) };
}
