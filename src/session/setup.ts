// SPDX-License-Identifier: GPL-2.0-only
/** The machine that a document asks for: the recording conditions, and what its `machine` block changes. */
import { bugById } from '../generations/bugs/index.js';
import { DEFAULT_GENERATION } from '../generations/index.js';
import { moduleAt, RECORDING_CONDITIONS } from '../machine/defaults.js';
import { describeMachine, type MachineDescription, type MachineOptions } from '../machine/description.js';
import type { ProfileName } from '../machine/profiles.js';
import { type Insmod, moduleNamed } from '../machine/registry.js';
import type { MachineBlock, ScenarioDocument } from '../scenario/schema.js';
import { UsageError } from '../sim/errors.js';
import { didYouMean } from '../sim/suggest.js';

/** What the command line says for all documents. */
export interface Overrides {
  readonly kernel?: string;
  /** Instead of those of the documents. */
  readonly profile?: ProfileName | undefined;
  readonly seed?: number;
  readonly check?: boolean;
  /** Beside those of the document. */
  readonly bugs?: readonly string[];
  readonly fixes?: readonly string[];
  /** Drivers from outside of the tree. */
  readonly insmod?: readonly Insmod[];
}

type EfiFakeMem = NonNullable<MachineOptions['efiFakeMem']>[number];

/** The machine of a document. */
export type MachineSetup = MachineDescription;

const UNIT: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** Bytes of "6G", "512M", "4096" or a number. */
function bytesOf(size: number | string): number {
  if (typeof size === 'number') return size;
  const unit = UNIT[size.at(-1)!];
  return unit === undefined ? Number(size) : Number(size.slice(0, -1)) * unit;
}

/** Of "1G@0x100000000:0x40000". */
function fakeMemOf(text: string): EfiFakeMem {
  const [size, start, attribute] = text.split(/[@:]/);
  return { size: bytesOf(size!), start: Number(start), attribute: Number(attribute) };
}

/** Of "kvm_hv,sim_secmem=4194304". Throws UsageError for a module or a parameter that there is not. */
function moduleOf(text: string): Insmod {
  const [name, ...given] = text.split(',');
  const driver = moduleNamed(name!);
  const params = given.map((param) => param.split('=') as [string, string]);
  const known = driver.module.parameters.map((parameter) => parameter.name);
  for (const [param] of params) {
    if (known.includes(param)) continue;
    throw new UsageError(`${name} has no parameter "${param}"${didYouMean(param, known)}`, 'modprobe');
  }
  return { driver, params: Object.fromEntries(params) };
}

const numberOrNull = (address: number | string | null): number | null =>
  address === null ? null : Number(address);

const union = (a: readonly string[] = [], b: readonly string[] = []): string[] => [...new Set([...a, ...b])];

/** What the document says and the caller does not take back, and what the caller says. */
const settled = (own: readonly string[] = [], said: readonly string[] = [], not: readonly string[] = []) =>
  union(
    own.filter((id) => !not.includes(id)),
    said,
  );

function setUp(kernel: string, machine: MachineBlock, overrides: Overrides): MachineSetup {
  for (const id of machine.bugs ?? []) bugById(id, 'bugs');
  for (const id of machine.fixes ?? []) bugById(id, 'fixes');
  const { spm, spmMemory, efiFakeMem, memory, hugepages, swap, thp, module: load, schedule } = machine;
  const { physBits, kaslr, nodes } = machine;
  const profile = overrides.profile ?? machine.profile;
  return describeMachine({
    module: profile === undefined ? RECORDING_CONDITIONS.module : moduleAt([]),
    ...(spm === undefined ? {} : { module: moduleAt(spm.map(numberOrNull)) }),
    kernel,
    profile,
    spmMemory,
    efiFakeMem: efiFakeMem?.map(fakeMemOf),
    schedule,
    memory: memory === undefined ? undefined : bytesOf(memory),
    hugepages,
    swap: swap === undefined ? undefined : bytesOf(swap),
    thp,
    physBits,
    kaslr,
    nodes,
    load,
    insmod: [...(machine.modprobe ?? []).map(moduleOf), ...(overrides.insmod ?? [])],
    seed: overrides.seed ?? machine.seed,
    check: overrides.check,
    bugs: settled(machine.bugs, overrides.bugs, overrides.fixes),
    fixes: settled(machine.fixes, overrides.fixes, overrides.bugs),
  });
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
