// SPDX-License-Identifier: GPL-2.0-only
/**
 * Scenarios in which a GPU of amdgpu has buffers of a program's own memory: both write and read it, a child shares it, and pages are
 * thrown away. Their oracle: what the GPU stores the CPU reads, and what the CPU stores the GPU reads.
 *
 * No memory of a buffer is unmapped: before 6.18 the GPU goes on with the free page (test/drivers/amdkfd/userptr.test.ts).
 */
import { type Generation, generationById } from '../generations/index.js';
import { Dice, type Weights } from '../scenario/dice.js';
import type { ScenarioDocument, Step } from '../scenario/schema.js';
import type { Fields } from '../scenario/steps/contract.js';
import { drawPart, type Paged, type Part, pagesOf, rangeOf } from './parts.js';

/** The category of these scenarios. */
export const USERPTR = 'userptr';

interface Region extends Paged<number> {
  readonly pages: number[];
  mapped: boolean;
}

type Composed = 'buffer' | 'store' | 'load' | 'read' | 'write' | 'dontneed' | 'fork' | 'unmap';

const STEPS: Weights<Composed> = {
  buffer: 3,
  store: 6,
  load: 6,
  read: 8,
  write: 8,
  dontneed: 4,
  fork: 4,
  unmap: 1,
};

/** Steps that are composed, without what opens the scenario. */
const COMPOSED = 20;

/** Of a few page tables: whoever copies what a child shares begins anew with each of them. */
const SIZES = [1, 4, 40, 600, 6144];
const TABLE = 512;
const MOST_BUFFERS = 4;

class User {
  readonly steps: Step[] = [];
  readonly #regions: Region[] = [];
  #children = 0;
  #word = 1000;

  constructor(
    readonly dice: Dice,
    readonly generation: Generation,
  ) {}

  run(): void {
    this.#push({ op: 'open', fd: 'd0', device: 'kfd', expect: { ret: 0 } });
    this.#push({ op: 'open', fd: 'd1', device: 'dri/renderD128', expect: { ret: 0 } });
    this.buffer();
    for (let n = 0; n < COMPOSED; n++) this[this.dice.weighted(STEPS)]();
  }

  #push(step: Fields): void {
    this.steps.push(step as Step);
  }

  #driver(command: string, fields: Fields, expect: Fields): void {
    this.#push({ op: 'driver', fd: 'd1', command, ...fields, expect });
  }

  /** Some pages of a buffer that the GPU has, or of any. */
  #part(mapped: boolean): Part<Region> | null {
    const regions = this.#regions.filter((region) => region.mapped || !mapped);
    return drawPart(this.dice, regions, () => true);
  }

  /** New words for all pages. Return: the first one. */
  #fill({ region, page, pages }: Part<Region>): number {
    const first = this.#word;
    this.#word += Math.max(100, pages);
    for (let n = 0; n < pages; n++) region.pages[page + n] = first + n;
    return first;
  }

  #check(part: Part<Region>, as = 'p0', words = pagesOf(part)): void {
    this.#push({ as, op: 'load', ...rangeOf(part), expect: { pages: words } });
  }

  #store(part: Part<Region>): void {
    const ok = new Array<string>(part.pages).fill('ok');
    this.#push({ op: 'store', ...rangeOf(part), word: this.#fill(part), expect: { pages: ok } });
  }

  // --- buffers ----------------------------------------------------------------------------------------------

  /** New memory becomes a buffer, some of it while a child has it too: then its notifier is called by the very walk. */
  buffer(): void {
    if (this.#regions.length === MOST_BUFFERS) return;
    const size = this.dice.pick(SIZES);
    const region = { name: `r${this.#regions.length}`, pages: new Array<number>(size).fill(0), mapped: true };
    const kind = { prot: 'rw', share: 'private', backing: 'anon' };
    this.#push({ op: 'mmap', region: region.name, pages: size, ...kind, expect: { ret: 0 } });
    const where = { region, page: 0, pages: size };
    if (this.#regions.length === 0) this.#driver('ACQUIRE_VM', rangeOf(where), { ret: 0 });
    this.#regions.push(region);
    const part = { region, page: 0, pages: Math.min(size, 4) };
    this.#store(part);
    if (size <= TABLE && this.dice.once(2)) {
      const child = this.#fork();
      const { amdgpuRetriesWalks } = this.generation.behaviours;
      if (!amdgpuRetriesWalks) this.#driver('ALLOC_USERPTR', rangeOf(where), { ret: 'EAGAIN' });
      this.#driver('ALLOC_USERPTR', rangeOf(where), { ret: 0 });
      this.#push({ as: child, op: 'exit' });
    } else this.#driver('ALLOC_USERPTR', rangeOf(where), { ret: 0 });
    this.#driver('MAP_USERPTR', rangeOf(where), { ret: 0 });
  }

  /** The GPU has it no more, and the program goes on. */
  unmap(): void {
    const part = this.#part(true);
    if (part === null) return;
    part.region.mapped = false;
    this.#driver('UNMAP_USERPTR', rangeOf({ ...part, page: 0 }), { ret: 0 });
    this.#driver('FREE_USERPTR', rangeOf({ ...part, page: 0 }), { ret: 0 });
  }

  // --- what is done with them -------------------------------------------------------------------------------

  store(): void {
    const part = this.#part(false);
    if (part !== null) this.#store(part);
  }

  load(): void {
    const part = this.#part(false);
    if (part !== null) this.#check(part);
  }

  read(): void {
    const part = this.#part(true);
    if (part !== null) this.#driver('GPU_READ', rangeOf(part), { ret: 0, faults: 0, data: pagesOf(part) });
  }

  write(): void {
    const part = this.#part(true);
    if (part === null) return;
    const word = this.#fill(part);
    this.#driver('GPU_WRITE', { ...rangeOf(part), word }, { ret: 0, faults: 0, cpages: part.pages });
  }

  dontneed(): void {
    const part = this.#part(false);
    if (part === null) return;
    this.#push({ op: 'madvise', ...rangeOf(part), advice: 'dontneed', expect: {} });
    part.region.pages.fill(0, part.page, part.page + part.pages);
  }

  #fork(): string {
    const child = `p${++this.#children}`;
    this.#push({ op: 'fork', child, expect: { ret: 0 } });
    return child;
  }

  /** The child keeps what was there, whoever writes. */
  fork(): void {
    const part = this.#part(false);
    if (part === null) return;
    const words = pagesOf(part);
    const child = this.#fork();
    if (part.region.mapped) {
      const word = this.#fill(part);
      this.#driver('GPU_WRITE', { ...rangeOf(part), word }, { ret: 0, faults: 0, cpages: part.pages });
    } else this.#store(part);
    this.#check(part, child, words);
    this.#push({ as: child, op: 'exit' });
  }
}

/** The scenario of `seed`. The same for the same arguments in one version of the generator. */
export function userptrScenario(seed: number, kernel: string): ScenarioDocument {
  const user = new User(new Dice(seed), generationById(kernel)!);
  user.run();
  return {
    name: `generated-userptr-${seed}`,
    kernel,
    machine: { module: false, modprobe: ['amdgpu'], memory: '512M' },
    steps: user.steps,
  };
}
