// SPDX-License-Identifier: GPL-2.0-only
/** The machine of a command line in a document's words: what is usual goes without saying, but for the addresses. */
import { ADDRESS_PARAMS, MACHINE_DEFAULTS } from '../machine/defaults.js';
import { describeMachine, type MachineDescription } from '../machine/description.js';
import { profileNamed } from '../machine/profiles.js';
import { asFakeMem } from '../mm/e820.js';
import type { MachineBlock } from '../scenario/schema.js';

/** Addresses by device, up to the last that is given. */
function spmOf({ laidOutFor }: MachineDescription): (string | null)[] {
  const addresses = ADDRESS_PARAMS.map((name) => laidOutFor?.params[name] ?? null);
  return addresses.slice(0, addresses.findLastIndex((address) => address !== null) + 1);
}

/** Bytes, as short as documents can say them. */
function sizeText(bytes: number): string {
  const shift = [40, 30, 20, 10].find((shift) => bytes % 2 ** shift === 0);
  return shift === undefined ? String(bytes) : `${bytes / 2 ** shift}${'KMGT'[shift / 10 - 1]}`;
}

/** What --efi-fake-mem would say; nothing where memory is as the addresses alone lay it out. */
function efiFakeMemOf(machine: MachineDescription): string[] {
  const { generation, memory, hugepages, spmMemory, laidOutFor, physBits, physical } = machine;
  const plain = describeMachine({
    kernel: generation.id,
    memory,
    hugepages,
    spmMemory,
    physBits,
    module: laidOutFor ?? undefined,
  });
  if (JSON.stringify(plain.physical) === JSON.stringify(physical)) return [];
  return asFakeMem(physical).map(
    ({ size, start, attribute }) => `${sizeText(size)}@0x${start.toString(16)}:0x${attribute.toString(16)}`,
  );
}

/** Addresses always, because documents that say none have those of the recorded kernels. */
export function machineBlock(machine: MachineDescription): MachineBlock {
  const { memory, hugepages, swap, thp, seed, bugs, fixes, module, schedule, spmMemory } = machine;
  const { profile, physBits, kaslr, nodes } = machine;
  const usual = profileNamed(profile);
  const efiFakeMem = efiFakeMemOf(machine);
  return {
    ...(profile === null ? {} : { profile }),
    spm: spmOf(machine),
    ...(module === null ? { module: false } : {}),
    ...(spmMemory === MACHINE_DEFAULTS.spmMemory ? {} : { spmMemory }),
    ...(efiFakeMem.length === 0 ? {} : { efiFakeMem }),
    ...(memory === MACHINE_DEFAULTS.memory ? {} : { memory }),
    ...(hugepages === MACHINE_DEFAULTS.hugepages ? {} : { hugepages }),
    ...(swap === usual.swap ? {} : { swap }),
    ...(thp === usual.thp ? {} : { thp }),
    ...(physBits === MACHINE_DEFAULTS.physBits ? {} : { physBits }),
    ...(kaslr === MACHINE_DEFAULTS.kaslr ? {} : { kaslr }),
    ...(nodes === usual.nodes ? {} : { nodes }),
    ...(seed === MACHINE_DEFAULTS.seed ? {} : { seed }),
    ...(schedule === MACHINE_DEFAULTS.schedule ? {} : { schedule }),
    ...(bugs.length === 0 ? {} : { bugs: [...bugs] }),
    ...(fixes.length === 0 ? {} : { fixes: [...fixes] }),
  };
}
