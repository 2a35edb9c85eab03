// SPDX-License-Identifier: GPL-2.0-only
/**
 * Scenarios in which a program comes by its memory in every way that it has, and GPUs of amdgpu use it, as igt's
 * xe_exec_system_allocator composes them. They have one oracle: what a GPU stores the CPU reads, and what the CPU stores a GPU reads.
 * Or races: the GPU, the processor, prefetches and munmap() at the same pages in threads, in random order.
 *
 * What a kernel itself does not keep is left out; docs/FUZZING.md names the functions.
 */
import { type Generation, generationById } from '../generations/index.js';
import { Dice, type Weights } from '../scenario/dice.js';
import type { MachineBlock, ScenarioDocument, Step } from '../scenario/schema.js';
import type { Fields } from '../scenario/steps/contract.js';
import { drawPart, type Paged, type Part, pagesOf, partsOf, rangeOf } from './parts.js';

/** The category of these scenarios. */
export const ALLOCATOR = 'allocator';
/** The same with races. */
export const RACE = 'race';

interface Kind {
  readonly share: 'private' | 'shared';
  readonly backing: 'anon' | 'file' | 'hugetlb';
}

const KINDS: readonly Kind[] = [
  { share: 'private', backing: 'anon' },
  { share: 'private', backing: 'anon' },
  { share: 'shared', backing: 'anon' },
  { share: 'private', backing: 'file' },
  { share: 'shared', backing: 'file' },
  { share: 'private', backing: 'hugetlb' },
];

const TOPOLOGIES = [
  'amdgpu,noretry=0',
  'amdgpu,noretry=0,sim_topology=cpu',
  'amdgpu,noretry=0,sim_topology=apu',
  'amdgpu,noretry=0,vramlimit=2',
  'amdgpu,noretry=0,sim_gpus=2',
  'amdgpu,noretry=0,sim_gpus=2,sim_topology=hive',
] as const;

/** Those whose VRAM the processor reaches. */
const IN_REACH = TOPOLOGIES.filter((module) => /=(cpu|apu)$/.test(module));

/** With little VRAM, or GPUs that do not reach each other's, races never end: docs/FUZZING.md names the functions. */
const RACEABLE = TOPOLOGIES.filter((module) => !/vramlimit|sim_gpus=2$/.test(module));

type Composed =
  | 'map'
  | 'gpuWrite'
  | 'gpuRead'
  | 'store'
  | 'prefetch'
  | 'munmap'
  | 'mremap'
  | 'lock'
  | 'huge'
  | 'dontneed'
  | 'fork'
  | 'race';

const STEPS: Weights<Composed> = {
  map: 3,
  gpuWrite: 8,
  gpuRead: 6,
  store: 6,
  prefetch: 8,
  munmap: 2,
  mremap: 3,
  lock: 2,
  huge: 2,
  dontneed: 2,
  fork: 1,
};

const RACING: Weights<Composed> = { ...STEPS, race: 14 };

/** More than a granule of 512, so that ranges end within regions. */
const LARGE = 600;
const HUGETLB_PAGES = 1024;
/** Each has two pages of the pool, which a fork needs copies of. */
const HUGETLB_REGIONS = 3;
const HUGETLB_POOL = 16;

/** A page: its first word, null where nothing is mapped, and its VMA, which never merges with another again. */
interface PageModel {
  word: number | null;
  vma: number;
  locked: boolean;
  huge: boolean;
}

interface Region extends Paged<PageModel> {
  readonly kind: Kind;
  /** The only GPU that may use it; 0 for any. */
  readonly gpu: number;
}

/** Pages of one VMA. */
type VmaPart = Part<Region>;

const isPlain = ({ kind }: Region): boolean => kind.share === 'private' && kind.backing === 'anon';

const isMapped = ({ word }: PageModel): boolean => word !== null;

class Allocator {
  readonly steps: Step[] = [];
  readonly #regions: Region[] = [];
  #names = 0;
  #children = 0;
  #vmas = 0;
  #word = 1000;

  constructor(
    readonly dice: Dice,
    readonly generation: Generation,
    readonly module: string,
    readonly weights: Weights<Composed>,
  ) {}

  get #gpus(): number {
    return this.module.includes('sim_gpus=2') ? 2 : 1;
  }

  /** Are there GPUs that do not map a range which is in VRAM of another? Then nothing may stay counted there. */
  get #strangers(): boolean {
    return this.#gpus === 2 && !this.module.includes('hive');
  }

  /** Before svm_migrate_successful_pages(), a page of a file counts as moved to VRAM, and never is. */
  get #strandsFiles(): boolean {
    return this.#strangers && !this.generation.behaviours.amdkfdCountsMigrated;
  }

  run(steps: number): void {
    const { dice } = this;
    this.#push({ op: 'open', fd: 'd0', device: 'kfd' });
    this.map();
    for (let gpu = 1; gpu <= this.#gpus; gpu++) {
      const { name } = this.#regions[0]!;
      this.#push({ op: 'open', fd: `d${gpu}`, device: `dri/renderD${127 + gpu}` });
      this.#driver(`d${gpu}`, 'ACQUIRE_VM', { region: name, page: 0, pages: 1 });
    }
    for (let n = 0; n < steps; n++) this[dice.weighted(this.weights)]();
    for (const region of this.#regions) this.#check({ region, page: 0, pages: region.pages.length });
  }

  #push(step: Fields): void {
    this.steps.push(step as Step);
  }

  #driver(fd: string, command: string, fields: Fields, answer: Fields = {}): void {
    this.#push({ op: 'driver', fd, command, ...fields, expect: { ret: 0, ...answer } });
  }

  // --- memory ---------------------------------------------------------------------------------------------

  map(): void {
    const { dice } = this;
    const crowded = this.#regions.filter(({ kind }) => kind.backing === 'hugetlb').length >= HUGETLB_REGIONS;
    const drawn = dice.pick(KINDS);
    const kind = crowded && drawn.backing === 'hugetlb' ? KINDS[0]! : drawn;
    const count = kind.backing === 'hugetlb' ? HUGETLB_PAGES : dice.pick([1, 4, 16, LARGE]);
    const vma = this.#vmas++;
    const pages = Array.from({ length: count }, () => ({ word: 0, vma, locked: false, huge: false }));
    const region = this.#add(kind, pages);
    this.#push({ op: 'mmap', region: region.name, pages: count, prot: 'rw', ...kind, expect: { ret: 0 } });
  }

  #add(kind: Kind, pages: PageModel[]): Region {
    const one = this.#strandsFiles && (kind.backing === 'file' || kind.share === 'shared');
    const region = {
      name: `r${this.#names++}`,
      kind,
      gpu: one ? this.dice.between(1, this.#gpus) : 0,
      pages,
    };
    this.#regions.push(region);
    return region;
  }

  /** Some pages that are mapped, all in one VMA; null where there are none of that kind. */
  #part(
    may: (page: PageModel) => boolean = () => true,
    of: (region: Region) => boolean = () => true,
  ): VmaPart | null {
    const fits = (page: PageModel): boolean => isMapped(page) && may(page);
    return drawPart(this.dice, this.#regions.filter(of), fits, (first, next) => first.vma === next.vma);
  }

  /** New words for all pages. Return: the first one. */
  #fill(part: VmaPart): number {
    const first = this.#word;
    this.#word += Math.max(100, part.pages);
    for (const [n, page] of pagesOf(part).entries()) page.word = first + n;
    return first;
  }

  /** The pages are a VMA of their own from now on. */
  #change(part: VmaPart, change: Partial<PageModel>): void {
    const vma = this.#vmas++;
    for (const page of pagesOf(part)) Object.assign(page, change, { vma });
  }

  #store(part: VmaPart): void {
    this.#push({ op: 'store', ...rangeOf(part), word: this.#fill(part) });
  }

  #expectWords(part: VmaPart): (number | string)[] {
    return pagesOf(part).map(({ word }) => word ?? 'SIGSEGV');
  }

  #check(part: VmaPart): void {
    this.#push({ op: 'load', ...rangeOf(part), expect: { pages: this.#expectWords(part) } });
  }

  store(): void {
    const part = this.#part();
    if (part !== null) this.#store(part);
  }

  // --- GPUs -----------------------------------------------------------------------------------------------

  #gpuFor({ region }: VmaPart): number {
    return region.gpu === 0 ? this.dice.between(1, this.#gpus) : region.gpu;
  }

  gpuWrite(): void {
    const part = this.#part();
    if (part === null) return;
    const gpu = `d${this.#gpuFor(part)}`;
    this.#driver(gpu, 'GPU_WRITE', { ...rangeOf(part), word: this.#fill(part) }, { cpages: part.pages });
    if (this.dice.once(2)) this.#check(part);
  }

  gpuRead(): void {
    const part = this.#part();
    if (part === null) return;
    this.#driver(`d${this.#gpuFor(part)}`, 'GPU_READ', rangeOf(part), { data: this.#expectWords(part) });
  }

  prefetch(): void {
    const part = this.#part();
    if (part !== null) this.#prefetch(part, this.dice.once(3) ? 0 : this.#gpuFor(part));
  }

  #prefetch(part: VmaPart, to: number): void {
    this.#driver('d0', 'PREFETCH', { ...rangeOf(part), word: to });
  }

  // --- races ----------------------------------------------------------------------------------------------

  /**
   * A GPU writes the first of some pages while the processor stores to the others, or is about to lose some, and prefetches send all to and fro.
   * Each page has one writer.
   */
  race(): void {
    const { dice } = this;
    const part = this.#part();
    if (part === null) return;
    const { region, page } = part;
    const cut = dice.between(1, part.pages);
    const [own, others] = [
      { region, page, pages: cut },
      { region, page: page + cut, pages: part.pages - cut },
    ];
    const loses = region.kind.backing !== 'hugetlb' && dice.once(3);
    const taken = [this.#gpuThread(own, loses ? own : part)];
    if (!dice.once(4)) taken.push(this.#prefetchThread(part));
    if (dice.once(2)) taken.push(this.#threaded('t3', [{ op: 'load', ...rangeOf(part) }]));
    if (others.pages > 0 && loses) {
      this.#push({ op: 'munmap', ...rangeOf(others), expect: { ret: 0 } });
      this.#change(others, { word: null });
    } else if (others.pages > 0) this.#store(others);
    for (const await_ of taken.flat()) this.#push(await_);
    this.#check(part);
  }

  /** Return: what waits for them. */
  #threaded(thread: string, steps: readonly Fields[], answers: readonly Fields[] = []): Fields[] {
    for (const step of steps) this.#push({ ...step, thread, expect: { ret: 0 } });
    return steps.map((_, n) => ({ op: 'await', thread, ...(answers[n] && { expect: answers[n] }) }));
  }

  /** A GPU writes its own pages; now and then it reads all that stay before that. One that faults where nothing is mapped is off for good. */
  #gpuThread(own: VmaPart, all: VmaPart): Fields[] {
    const command = (name: string, part: VmaPart): Fields => ({
      op: 'driver',
      fd: `d${this.#gpuFor(own)}`,
      command: name,
      ...rangeOf(part),
    });
    const write = { ...command('GPU_WRITE', own), word: this.#fill(own) };
    const wrote = { ret: 0, cpages: own.pages };
    if (this.dice.once(2)) return this.#threaded('t1', [write], [wrote]);
    return this.#threaded('t1', [command('GPU_READ', all), write], [{}, wrote]);
  }

  #prefetchThread(part: VmaPart): Fields[] {
    const places = Array.from({ length: this.dice.between(1, 4) }, () =>
      this.dice.once(3) ? 0 : this.#gpuFor(part),
    );
    const steps = places.map((word) => ({
      op: 'driver',
      fd: 'd0',
      command: 'PREFETCH',
      ...rangeOf(part),
      word,
    }));
    return this.#threaded('t2', steps);
  }

  // --- what becomes of it -----------------------------------------------------------------------------------

  munmap(): void {
    const part = this.#part(undefined, ({ kind }) => kind.backing !== 'hugetlb');
    if (part === null) return;
    this.#push({ op: 'munmap', ...rangeOf(part), expect: { ret: 0 } });
    this.#change(part, { word: null });
  }

  /** To a place of its own; what stays mapped behind it is empty. In VRAM, pages would lose the range that they belong to. */
  mremap(): void {
    const part = this.#part(undefined, isPlain);
    if (part === null) return;
    this.#prefetch(part, 0);
    const dontunmap = this.dice.once(3);
    const moved = pagesOf(part).map((page) => ({ ...page }));
    // What stays behind is not locked any more.
    this.#change(part, { word: dontunmap ? 0 : null, locked: false });
    const { name } = this.#add(part.region.kind, moved);
    const how = dontunmap ? { dontunmap: true } : {};
    this.#push({ op: 'mremap', ...rangeOf(part), to: { region: name, page: 0 }, ...how, expect: { ret: 0 } });
  }

  lock(): void {
    const part = this.#part();
    if (part === null) return;
    const locked = !pagesOf(part)[0]!.locked;
    this.#push({ op: locked ? 'mlock' : 'munlock', ...rangeOf(part), expect: { ret: 0 } });
    this.#change(part, { locked });
  }

  huge(): void {
    const part = this.#part(undefined, isPlain);
    if (part === null) return;
    const huge = !pagesOf(part)[0]!.huge;
    const advice = huge ? 'hugepage' : 'nohugepage';
    this.#push({ op: 'madvise', ...rangeOf(part), advice, expect: { ret: 0 } });
    this.#change(part, { huge });
  }

  dontneed(): void {
    const part = this.#part(({ locked }) => !locked, isPlain);
    if (part === null) return;
    if (this.#strangers) this.#prefetch(part, 0);
    this.#push({ op: 'madvise', ...rangeOf(part), advice: 'dontneed', expect: { ret: 0 } });
    for (const page of pagesOf(part)) page.word = 0;
  }

  /** The child keeps what was there, and is gone before a GPU writes to pages that it shares. */
  fork(): void {
    const part = this.#part(undefined, isPlain);
    if (part === null) return;
    const child = `p${++this.#children}`;
    const expect = { pages: this.#expectWords(part) };
    this.#push({ op: 'fork', child, expect: { ret: 0 } });
    this.#store(part);
    this.#push({ as: child, op: 'load', ...rangeOf(part), expect });
    this.#push({ as: child, op: 'exit' });
    // A fork leaves read-only what nobody else maps any more: the CPU's stores make it writable again.
    const own = this.#regions.filter(({ kind }) => kind.share === 'private');
    for (const mapped of own.flatMap((region) => partsOf(region, isMapped))) this.#store(mapped);
  }
}

/** The scenario where no page ever leaves system memory: what it expects has to hold there. */
export function onApu(document: ScenarioDocument): ScenarioDocument {
  const modprobe = document.machine?.modprobe?.map((line) =>
    line.replace(/,(sim_topology|vramlimit)=\w+/g, ''),
  );
  if (modprobe === undefined) return document;
  const machine = { ...document.machine, modprobe: modprobe.map((line) => `${line},sim_topology=apu`) };
  return { ...document, machine };
}

/** Steps that are composed, without what opens and ends the scenario. */
const COMPOSED = 24;

/** The scenario of `seed`. The same for the same arguments in one version of the generator. */
export function allocatorScenario(seed: number, kernel: string): ScenarioDocument {
  return scenario(ALLOCATOR, seed, kernel, TOPOLOGIES, STEPS, {});
}

/** The same, with races. */
export function raceScenario(seed: number, kernel: string): ScenarioDocument {
  const { amdkfdCountsMigrated } = generationById(kernel)!.behaviours;
  const topologies = amdkfdCountsMigrated ? RACEABLE : IN_REACH;
  return scenario(RACE, seed, kernel, topologies, RACING, { schedule: 'random', seed });
}

function scenario(
  category: string,
  seed: number,
  kernel: string,
  topologies: readonly string[],
  weights: Weights<Composed>,
  own: MachineBlock,
): ScenarioDocument {
  const dice = new Dice(seed);
  const module = dice.pick(topologies);
  const allocator = new Allocator(dice, generationById(kernel)!, module, weights);
  allocator.run(COMPOSED);
  return {
    name: `generated-${category}-${seed}`,
    kernel,
    machine: {
      ...own,
      module: false,
      modprobe: [module],
      hugepages: HUGETLB_POOL,
      memory: '1G',
      // Else a GPU reads what was thrown away before: svm_migrate_copy_to_vram() of each kernel here.
      fixes: ['amdkfd-hole-not-cleared', 'amdkfd-clone-keeps-buffer'],
    },
    steps: allocator.steps,
  };
}
