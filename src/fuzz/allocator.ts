// SPDX-License-Identifier: GPL-2.0-only
/**
 * Scenarios in which a program comes by its memory in every way that it has, and GPUs of amdgpu use it, as igt's
 * xe_exec_system_allocator composes them. They have one oracle: what a GPU stores the CPU reads, and what the CPU stores a GPU reads.
 *
 * What a kernel itself does not keep is left out; docs/FUZZING.md names the functions.
 */
import { type Generation, generationById } from '../generations/index.js';
import { Dice, type Weights } from '../scenario/dice.js';
import type { ScenarioDocument, Step } from '../scenario/schema.js';
import type { Fields } from '../scenario/steps/contract.js';

/** The category of these scenarios. */
export const ALLOCATOR = 'allocator';

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
  | 'fork';

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

/** More than a granule of 512, so that ranges end within regions. */
const LARGE = 600;
const HUGETLB_PAGES = 1024;
/** Each has two pages of the pool, which a fork needs copies of. */
const HUGETLB_REGIONS = 3;
const HUGETLB_POOL = 16;

/** Most pages of a part. */
const PART = 8;
/** A page: its first word, null where nothing is mapped, and its VMA, which never merges with another again. */
interface PageModel {
  word: number | null;
  vma: number;
  locked: boolean;
  huge: boolean;
}

interface Region {
  readonly name: string;
  readonly kind: Kind;
  /** The only GPU that may use it; 0 for any. */
  readonly gpu: number;
  readonly pages: PageModel[];
}

/** Pages of a region that follow each other in one VMA. */
interface Part {
  readonly region: Region;
  readonly page: number;
  readonly pages: number;
}

const isPlain = ({ kind }: Region): boolean => kind.share === 'private' && kind.backing === 'anon';

/** Pages of `part`, as the model has them. */
const modelOf = ({ region, page, pages }: Part): PageModel[] => region.pages.slice(page, page + pages);

const rangeOf = ({ region, page, pages }: Part): Fields => ({ region: region.name, page, pages });

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
    for (let n = 0; n < steps; n++) this[dice.weighted(STEPS)]();
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
  ): Part | null {
    const { dice } = this;
    const mapped = (page: PageModel | undefined): page is PageModel =>
      page !== undefined && page.word !== null && may(page);
    const regions = this.#regions.filter((region) => of(region) && region.pages.some(mapped));
    if (regions.length === 0) return null;
    const region = dice.pick(regions);
    const page = dice.pick([...region.pages.keys()].filter((at) => mapped(region.pages[at])));
    const { vma } = region.pages[page]!;
    const more = (one: PageModel | undefined): boolean => mapped(one) && one.vma === vma;
    const most = dice.between(1, PART);
    let pages = 1;
    while (pages < most && more(region.pages[page + pages])) pages++;
    return { region, page, pages };
  }

  /** New words for all pages. Return: the first one. */
  #fill(part: Part): number {
    const first = this.#word;
    this.#word += Math.max(100, part.pages);
    for (const [n, page] of modelOf(part).entries()) page.word = first + n;
    return first;
  }

  /** The pages are a VMA of their own from now on. */
  #change(part: Part, change: Partial<PageModel>): void {
    const vma = this.#vmas++;
    for (const page of modelOf(part)) Object.assign(page, change, { vma });
  }

  #store(part: Part): void {
    this.#push({ op: 'store', ...rangeOf(part), word: this.#fill(part) });
  }

  #expectWords(part: Part): (number | string)[] {
    return modelOf(part).map(({ word }) => word ?? 'SIGSEGV');
  }

  #check(part: Part): void {
    this.#push({ op: 'load', ...rangeOf(part), expect: { pages: this.#expectWords(part) } });
  }

  store(): void {
    const part = this.#part();
    if (part !== null) this.#store(part);
  }

  // --- GPUs -----------------------------------------------------------------------------------------------

  #gpuFor({ region }: Part): number {
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

  #prefetch(part: Part, to: number): void {
    this.#driver('d0', 'PREFETCH', { ...rangeOf(part), word: to });
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
    const moved = modelOf(part).map((page) => ({ ...page }));
    // What stays behind is not locked any more.
    this.#change(part, { word: dontunmap ? 0 : null, locked: false });
    const { name } = this.#add(part.region.kind, moved);
    const how = dontunmap ? { dontunmap: true } : {};
    this.#push({ op: 'mremap', ...rangeOf(part), to: { region: name, page: 0 }, ...how, expect: { ret: 0 } });
  }

  lock(): void {
    const part = this.#part();
    if (part === null) return;
    const locked = !modelOf(part)[0]!.locked;
    this.#push({ op: locked ? 'mlock' : 'munlock', ...rangeOf(part), expect: { ret: 0 } });
    this.#change(part, { locked });
  }

  huge(): void {
    const part = this.#part(undefined, isPlain);
    if (part === null) return;
    const huge = !modelOf(part)[0]!.huge;
    const advice = huge ? 'hugepage' : 'nohugepage';
    this.#push({ op: 'madvise', ...rangeOf(part), advice, expect: { ret: 0 } });
    this.#change(part, { huge });
  }

  dontneed(): void {
    const part = this.#part(({ locked }) => !locked, isPlain);
    if (part === null) return;
    if (this.#strangers) this.#prefetch(part, 0);
    this.#push({ op: 'madvise', ...rangeOf(part), advice: 'dontneed', expect: { ret: 0 } });
    for (const page of modelOf(part)) page.word = 0;
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
    for (const region of this.#regions) if (region.kind.share === 'private') this.#makeOwn(region);
  }

  /** A fork leaves read-only what nobody else maps any more: the CPU's stores make it writable again. */
  #makeOwn(region: Region): void {
    const { pages } = region;
    for (let page = 0; page < pages.length; page++) {
      let end = page;
      while (end < pages.length && pages[end]!.word !== null) end++;
      if (end > page) this.#store({ region, page, pages: end - page });
      page = end;
    }
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
  const dice = new Dice(seed);
  const module = dice.pick(TOPOLOGIES);
  const allocator = new Allocator(dice, generationById(kernel)!, module);
  allocator.run(COMPOSED);
  return {
    name: `generated-allocator-${seed}`,
    kernel,
    machine: {
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
