// SPDX-License-Identifier: GPL-2.0-only
/** The machine that a document asks for: the recording conditions, and what its `machine` block changes. */
import { bugById, withBugs } from '../generations/bugs/index.js';
import { DEFAULT_GENERATION, type Generation, generationById } from '../generations/index.js';
import type { MachineOptions } from '../machine/machine.js';
import { asFakeMem, planPhysicalMemory } from '../mm/e820.js';
import type { MachineBlock, ScenarioDocument } from '../scenario/schema.js';
import { UsageError } from '../sim/errors.js';

/** What the command line says for all documents. */
export interface Overrides {
  readonly kernel?: string;
  readonly seed?: number;
  readonly check?: boolean;
  /** Beside those of the document. */
  readonly bugs?: readonly string[];
  readonly fixes?: readonly string[];
}

export interface MachineSetup {
  readonly generation: Generation;
  readonly options: MachineOptions;
  /** Parameters to load test_hmm with; null leaves it unloaded. */
  readonly moduleParams: Readonly<Record<string, string>> | null;
}

const RECORDED_SPM: readonly number[] = [0x100000000, 0x140000000];
const RECORDED_MEMORY = 6 * 2 ** 30;
const RECORDED_HUGEPAGES = 64;

const UNIT: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** Bytes of "6G", "512M", "4096" or a number. */
function bytesOf(size: number | string): number {
  if (typeof size === 'number') return size;
  const unit = UNIT[size.at(-1)!];
  return unit === undefined ? Number(size) : Number(size.slice(0, -1)) * unit;
}

function knownGeneration(id: string): Generation {
  const generation = generationById(id);
  if (generation === undefined) throw new UsageError(`unknown kernel "${id}"`, '--kernel');
  return generation;
}

const union = (a: readonly string[] = [], b: readonly string[] = []): string[] => [...new Set([...a, ...b])];

function setUp(kernel: string, machine: MachineBlock, overrides: Overrides): MachineSetup {
  const spm = (machine.spm ?? RECORDED_SPM).map(Number);
  const memory = bytesOf(machine.memory ?? RECORDED_MEMORY);
  const hugepages = machine.hugepages ?? RECORDED_HUGEPAGES;
  for (const id of machine.bugs ?? []) bugById(id, 'bugs');
  for (const id of machine.fixes ?? []) bugById(id, 'fixes');
  const bugs = union(machine.bugs, overrides.bugs);
  const fixes = union(machine.fixes, overrides.fixes);
  const moduleParams: Record<string, string> = {};
  for (const [device, address] of spm.entries()) {
    moduleParams[`spm_addr_dev${device}`] = `0x${address.toString(16)}`;
  }
  return {
    generation: withBugs(knownGeneration(kernel), bugs, fixes),
    moduleParams: machine.module === false ? null : moduleParams,
    options: {
      kernel,
      memory,
      hugepages,
      thp: machine.thp ?? 'madvise',
      efiFakeMem: asFakeMem(planPhysicalMemory({ memory, hugepages, spm })),
      seed: overrides.seed ?? machine.seed ?? 0,
      check: overrides.check ?? false,
      bugs,
      fixes,
    },
  };
}

/**
 * Computes setups, each distinct one once: thousands of documents ask for the same machine, and whoever
 * keeps machines can tell by the object's identity.
 */
export class Setups {
  readonly #known = new Map<string, MachineSetup>();

  constructor(readonly overrides: Overrides = {}) {}

  /** Throws UsageError where the machine cannot be built (an unaligned spm address, too little memory). */
  of({ kernel, machine = {} }: Pick<ScenarioDocument, 'kernel' | 'machine'>): MachineSetup {
    const id = this.overrides.kernel ?? kernel ?? DEFAULT_GENERATION;
    const key = `${id} ${JSON.stringify(machine)}`;
    let setup = this.#known.get(key);
    if (setup === undefined) {
      setup = setUp(id, machine, this.overrides);
      this.#known.set(key, setup);
    }
    return setup;
  }
}
