// SPDX-License-Identifier: GPL-2.0-only
/** The machine of a command line in a document's words. */
import { MACHINE_DEFAULTS } from '../machine/defaults.js';
import { describeMachine, type MachineDescription } from '../machine/description.js';
import type { MachineBlock } from '../scenario/schema.js';
import { UsageError } from '../sim/errors.js';

/** Only addresses that both devices have, or none, are a document's. */
function spmOf({ module }: MachineDescription): string[] {
  return Object.values(module?.params ?? {});
}

/** Throws UsageError for a machine that no document can ask for. */
export function machineBlock(machine: MachineDescription): MachineBlock {
  const { memory, hugepages, thp, seed, bugs, fixes, module, generation, physical, schedule, spmMemory } =
    machine;
  const options = { kernel: generation.id, memory, hugepages, spmMemory, ...(module && { module }) };
  const plain = describeMachine(options).physical;
  if (module !== null && JSON.stringify(plain) !== JSON.stringify(physical)) {
    throw new UsageError('a document cannot ask for memory laid out with --efi-fake-mem', '--record');
  }
  if (schedule !== MACHINE_DEFAULTS.schedule) {
    throw new UsageError(`a document cannot ask for --schedule ${schedule}`, '--record');
  }
  const spm = spmOf(machine);
  if (spm.length === 1) throw new UsageError('a document cannot ask for one address alone', '--record');
  return {
    ...(module === null ? { module: false } : { spm }),
    ...(spmMemory === MACHINE_DEFAULTS.spmMemory ? {} : { spmMemory }),
    ...(memory === MACHINE_DEFAULTS.memory ? {} : { memory }),
    ...(hugepages === MACHINE_DEFAULTS.hugepages ? {} : { hugepages }),
    ...(thp === MACHINE_DEFAULTS.thp ? {} : { thp }),
    ...(seed === MACHINE_DEFAULTS.seed ? {} : { seed }),
    ...(bugs.length === 0 ? {} : { bugs: [...bugs] }),
    ...(fixes.length === 0 ? {} : { fixes: [...fixes] }),
  };
}
