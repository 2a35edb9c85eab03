// SPDX-License-Identifier: GPL-2.0-only
/**
 * Scenarios in which a GPU of nouveau shares the memory of a program: pages are bound to its memory, read and written from both
 * sides, moved, forked and thrown away. Their oracle: what the GPU stores the CPU reads, and what the CPU stores the GPU reads.
 *
 * Memory is private and anonymous: of other memory nouveau itself loses writes (test/drivers/nouveau.test.ts).
 */
import { generationById } from '../generations/index.js';
import { Dice, type Weights } from '../scenario/dice.js';
import type { ScenarioDocument, Step } from '../scenario/schema.js';
import type { Fields } from '../scenario/steps/contract.js';
import { drawPart, type Paged, type Part, pagesOf, partsOf, rangeOf } from './parts.js';

/** The category of these scenarios. */
export const NOUVEAU = 'nouveau';

/** The words of a page: all from one on, none where nothing is mapped, or 'mixed' once an atomic access has changed one of them. */
type Word = number | 'mixed' | null;

interface Region extends Paged<Word> {
  readonly pages: Word[];
}

type MappedPart = Part<Region>;

type Composed =
  | 'map'
  | 'store'
  | 'load'
  | 'bind'
  | 'read'
  | 'write'
  | 'atomic'
  | 'munmap'
  | 'mremap'
  | 'dontneed'
  | 'fork';

const STEPS: Weights<Composed> = {
  map: 3,
  store: 10,
  load: 6,
  bind: 14,
  read: 10,
  write: 12,
  atomic: 4,
  munmap: 2,
  mremap: 3,
  dontneed: 3,
  fork: 3,
};

/** Steps that are composed, without what opens and ends the scenario. */
const COMPOSED = 24;

const isMapped = (word: Word): boolean => word !== null;

class Client {
  readonly steps: Step[] = [];
  readonly #regions: Region[] = [];
  #children = 0;
  #word = 1000;

  constructor(
    readonly dice: Dice,
    /** Are there device exclusive entries? */
    readonly atomics: boolean,
  ) {}

  run(steps: number): void {
    this.#push({ op: 'open', fd: 'd0', device: 'dri/renderD128', expect: { ret: 0 } });
    this.map();
    this.#driver('SVM_INIT', { region: this.#regions[0]!.name, page: 0, pages: 1 }, { ret: 0 });
    for (let n = 0; n < steps; n++) this[this.dice.weighted(STEPS)]();
    for (const region of this.#regions) this.#check({ region, page: 0, pages: region.pages.length });
  }

  #push(step: Fields): void {
    this.steps.push(step as Step);
  }

  #driver(command: string, fields: Fields, expect: Fields): void {
    this.#push({ op: 'driver', fd: 'd0', command, ...fields, expect });
  }

  #add(pages: Word[]): Region {
    const region = { name: `r${this.#regions.length}`, pages };
    this.#regions.push(region);
    return region;
  }

  map(): void {
    const pages = this.dice.pick([1, 4, 16, 40]);
    const { name } = this.#add(new Array<Word>(pages).fill(0));
    const kind = { prot: 'rw', share: 'private', backing: 'anon' };
    this.#push({ op: 'mmap', region: name, pages, ...kind, expect: { ret: 0 } });
  }

  /** Pages that are mapped, whose words are as `may` says; null where there are none. */
  #part(may: (word: Word) => boolean = () => true): MappedPart | null {
    return drawPart(this.dice, this.#regions, (word: Word) => isMapped(word) && may(word));
  }

  #set({ region, page, pages }: MappedPart, word: Word): void {
    region.pages.fill(word, page, page + pages);
  }

  /** New words for all pages. Return: the first one. */
  #fill({ region, page, pages }: MappedPart): number {
    const first = this.#word;
    this.#word += Math.max(100, pages);
    for (let n = 0; n < pages; n++) region.pages[page + n] = first + n;
    return first;
  }

  #check(part: MappedPart, as = 'p0', words = pagesOf(part)): void {
    const pages = words.map((word) => word ?? 'SIGSEGV');
    this.#push({ as, op: 'load', ...rangeOf(part), expect: { pages } });
  }

  store(): void {
    const part = this.#part();
    if (part !== null) this.#store(part);
  }

  #store(part: MappedPart): void {
    const ok = new Array<string>(part.pages).fill('ok');
    this.#push({ op: 'store', ...rangeOf(part), word: this.#fill(part), expect: { pages: ok } });
  }

  load(): void {
    const part = this.#part();
    if (part !== null) this.#check(part);
  }

  // --- the GPU --------------------------------------------------------------------------------------------

  bind(): void {
    const part = this.#part();
    if (part !== null) this.#driver('SVM_BIND', rangeOf(part), { ret: 0 });
  }

  read(): void {
    const part = this.#part((word) => word !== 'mixed');
    if (part !== null) this.#driver('GPU_READ', rangeOf(part), { ret: 0, data: pagesOf(part) });
  }

  write(): void {
    const part = this.#part();
    if (part === null) return;
    const word = this.#fill(part);
    this.#driver('GPU_WRITE', { ...rangeOf(part), word }, { ret: 0, cpages: part.pages });
  }

  /**
   * The GPU adds to a word of each page, which is its own meanwhile. The processor has them before: for one that is on the GPU
   * nouveau tries in vain for a second (test/derived/nouveau-atomic-of-vram.yaml).
   */
  atomic(): void {
    const part = this.atomics ? this.#part() : null;
    if (part === null) return;
    this.#store(part);
    this.#driver('GPU_ATOMIC', rangeOf(part), { ret: 0, cpages: part.pages });
    this.#set(part, 'mixed');
  }

  // --- what becomes of it -----------------------------------------------------------------------------------

  munmap(): void {
    const part = this.#part();
    if (part === null) return;
    this.#push({ op: 'munmap', ...rangeOf(part), expect: { ret: 0 } });
    this.#set(part, null);
  }

  mremap(): void {
    const part = this.#part();
    if (part === null) return;
    const { name } = this.#add(pagesOf(part));
    this.#set(part, null);
    this.#push({ op: 'mremap', ...rangeOf(part), to: { region: name, page: 0 }, expect: {} });
  }

  dontneed(): void {
    const part = this.#part();
    if (part === null) return;
    this.#push({ op: 'madvise', ...rangeOf(part), advice: 'dontneed', expect: {} });
    this.#set(part, 0);
  }

  /**
   * The child keeps what was there, and is gone before the GPU writes to pages that it shares: nouveau would try that for ever
   * (test/derived/nouveau-write-after-fork.yaml). A fork leaves pages read-only; the processor's stores make them the program's own.
   */
  fork(): void {
    const part = this.#part();
    if (part === null) return;
    const child = `p${++this.#children}`;
    const words = pagesOf(part);
    this.#push({ op: 'fork', child, expect: { ret: 0 } });
    this.#store(part);
    this.#check(part, child, words);
    this.#push({ as: child, op: 'exit' });
    for (const own of this.#regions.flatMap((region) => partsOf(region, isMapped))) this.#store(own);
  }
}

/** The scenario of `seed`. The same for the same arguments in one version of the generator. */
export function nouveauScenario(seed: number, kernel: string): ScenarioDocument {
  const client = new Client(new Dice(seed), generationById(kernel)!.uapi.nr.EXCLUSIVE !== undefined);
  client.run(COMPOSED);
  return {
    name: `generated-nouveau-${seed}`,
    kernel,
    machine: { module: false, modprobe: ['nouveau'], memory: '512M' },
    steps: client.steps,
  };
}
