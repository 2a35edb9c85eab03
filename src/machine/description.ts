// SPDX-License-Identifier: GPL-2.0-only
/**
 * What a machine is, before it boots. Documents, command lines and programs each say it in their own words; they
 * translate those into MachineOptions, and what is left unsaid is decided here only.
 */
import { withBugs } from '../generations/bugs/index.js';
import { type Generation, generationById, generations } from '../generations/index.js';
import { type FakeMem, type PhysicalPlan, planPhysicalMemory } from '../mm/e820.js';
import type { ThpMode } from '../mm/kernel.js';
import { NODE_MIN_BLOCKS } from '../mm/page_alloc_nodes.js';
import { UsageError } from '../sim/errors.js';
import { PAGEBLOCK } from '../sim/memmap.js';
import type { Scheduler } from '../sim/scheduler.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { DEFAULT_MODULE, MACHINE_DEFAULTS, type ModuleLoad, type Schedule } from './defaults.js';
import { type ProfileName, profileNamed } from './profiles.js';
import { type Insmod, moduleNamed } from './registry.js';

export interface MachineOptions {
  /** Generation id, as src/generations/index.ts lists them. */
  readonly kernel?: string | undefined;
  /** A machine that is known by a name: what options leave unsaid is as it is there. */
  readonly profile?: ProfileName | undefined;
  /** Bytes of RAM, soft-reserved part included; default 6 GiB. */
  readonly memory?: number | undefined;
  /** 2 MiB hugetlb pages in the pool, default 64. */
  readonly hugepages?: number | undefined;
  /** Bytes of a swap device (a RAM disk), default 0: none. */
  readonly swap?: number | undefined;
  readonly thp?: ThpMode | undefined;
  /** Bits of a physical address, default 46. */
  readonly physBits?: number | undefined;
  /** Whether the kernel puts its own maps at addresses of chance, default false. */
  readonly kaslr?: boolean | undefined;
  /** NUMA nodes, default 1, more where the kernel is about them: RAM is shared out among them. */
  readonly nodes?: number | undefined;
  /** Soft-reserved ranges (bytes). When there are none: up to 1 GiB at each address that `module` is given. */
  readonly efiFakeMem?: readonly FakeMem[] | undefined;
  /** Whether those are reserved, default true: otherwise there is RAM or nothing at the addresses. */
  readonly spmMemory?: boolean | undefined;
  /** What the machine is laid out for; default: no module. */
  readonly module?: ModuleLoad | undefined;
  /** Whether `module` is to be loaded, default true. */
  readonly load?: boolean | undefined;
  /** Drivers from outside of the tree, which are loaded after it, in this order. */
  readonly insmod?: readonly Insmod[] | undefined;
  /** Of schedule, random data, and which memory is handed out first; default 0. */
  readonly seed?: number | undefined;
  /** Ids of bugs to turn on, and of bugs that the kernel has to turn off (see src/generations/bugs/index.ts). */
  readonly bugs?: readonly string[] | undefined;
  readonly fixes?: readonly string[] | undefined;
  /** Run the invariant checkers after every system call. */
  readonly check?: boolean | undefined;
  /** Who runs next: a task until it blocks (default), or at every schedule point any, by the seed. */
  readonly schedule?: Schedule | undefined;
  /** A scheduler of one's own instead. */
  readonly scheduler?: Scheduler | undefined;
}

/** A machine with everything decided. */
export interface MachineDescription {
  /** With bugs and fixes in its behaviours. */
  readonly generation: Generation;
  readonly profile: ProfileName | null;
  readonly memory: number;
  readonly hugepages: number;
  readonly swap: number;
  readonly thp: ThpMode;
  readonly physBits: number;
  readonly kaslr: boolean;
  readonly nodes: number;
  /** RAM and soft-reserved ranges. */
  readonly physical: PhysicalPlan;
  readonly spmMemory: boolean;
  /** What to load after boot; null: nothing. Machine.boot() leaves it to its caller, who knows what a failure means. */
  readonly module: ModuleLoad | null;
  /** The module whose parameters `physical` was laid out for, to be loaded or not. */
  readonly laidOutFor: ModuleLoad | null;
  /** Whether `module` is part of the kernel image. */
  readonly builtin: boolean;
  /** Whether an oops is the end of the machine, and not of the process alone (oops=panic). */
  readonly panicOnOops: boolean;
  /** What to load after that; left to the same caller. */
  readonly insmod: readonly Insmod[];
  readonly seed: number;
  readonly bugs: readonly string[];
  readonly fixes: readonly string[];
  readonly check: boolean;
  readonly schedule: Schedule;
  readonly scheduler: Scheduler | null;
}

/** The addresses of special purpose memory that the module is given; undefined where it is given none. */
function specialPurposeAddresses({ name, params }: ModuleLoad): (number | undefined)[] {
  const { parameters } = moduleNamed(name).module;
  return parameters
    .filter(({ specialPurpose }) => specialPurpose)
    .map(({ name }) => (params[name] === undefined ? undefined : Number(params[name])));
}

const NODE_MIN_SIZE = NODE_MIN_BLOCKS * PAGEBLOCK * PAGE_SIZE;

/** Each node has 32 MiB at least. Throws UsageError. */
function checkNodes(nodes: number, { ram }: PhysicalPlan): void {
  const size = ram.reduce((sum, range) => sum + range.size, 0);
  if (nodes === 1 || nodes * NODE_MIN_SIZE <= size) return;
  const most = Math.max(1, Math.floor(size / NODE_MIN_SIZE));
  throw new UsageError(
    `${nodes} nodes of at least 32 MiB do not fit into the RAM, expected at most ${most}`,
    '--nodes',
  );
}

function knownGeneration(id: string): Generation {
  const generation = generationById(id);
  if (generation !== undefined) return generation;
  const known = generations.map((g) => g.id).join(', ');
  throw new UsageError(`unknown kernel '${id}', expected one of ${known}`, '--kernel');
}

/** The default module is another one in some kernels, whose parameters it is given as far as it has them. */
function moduleOf({ testModule }: Generation, module: ModuleLoad | undefined): ModuleLoad | undefined {
  if (module?.name !== DEFAULT_MODULE.name || testModule === undefined) return module;
  const { parameters } = moduleNamed(testModule).module;
  const params = Object.entries(module.params).filter(([key]) => parameters.some(({ name }) => name === key));
  return { name: testModule, params: Object.fromEntries(params) };
}

/** Throws UsageError for an unknown kernel, module or bug, or for memory that cannot be laid out. */
export function describeMachine(options: MachineOptions = {}): MachineDescription {
  const { kernel = MACHINE_DEFAULTS.kernel, memory = MACHINE_DEFAULTS.memory } = options;
  const { profile = null, hugepages = MACHINE_DEFAULTS.hugepages } = options;
  const { builtin, panicOnOops, ...usual } = profileNamed(profile);
  const { thp = usual.thp, swap = usual.swap } = options;
  const { efiFakeMem = [], load = true, seed = MACHINE_DEFAULTS.seed } = options;
  const { spmMemory = MACHINE_DEFAULTS.spmMemory } = options;
  const { bugs = [], fixes = [], check = false, scheduler = null, insmod = [] } = options;
  const { schedule = MACHINE_DEFAULTS.schedule, kaslr = MACHINE_DEFAULTS.kaslr } = options;
  const { physBits = MACHINE_DEFAULTS.physBits } = options;
  const generation = withBugs(knownGeneration(kernel), bugs, fixes);
  const nodes = Math.max(options.nodes ?? usual.nodes, generation.nodes ?? 1);
  const module = moduleOf(generation, options.module);
  const spm = module === undefined ? [] : specialPurposeAddresses(module);
  const physical = planPhysicalMemory({ memory, hugepages, efiFakeMem, spm, spmMemory, physBits });
  checkNodes(nodes, physical);
  return {
    generation,
    profile,
    memory,
    hugepages,
    swap,
    thp,
    physBits,
    kaslr,
    nodes,
    physical,
    spmMemory,
    module: load && module !== undefined ? module : null,
    laidOutFor: module ?? null,
    builtin,
    panicOnOops,
    insmod,
    seed,
    bugs,
    fixes,
    check,
    schedule,
    scheduler,
  };
}
