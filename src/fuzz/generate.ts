// SPDX-License-Identifier: GPL-2.0-only
/** Makes scenarios up: from one seed always the same document, weighted as the recordings of real kernels are. */
import { type Generation, generationById } from '../generations/index.js';
import { Dice, type Weights } from '../scenario/dice.js';
import type { ScenarioDocument, Step } from '../scenario/schema.js';
import type { Drawing, Fields, Making, Population, Range } from '../scenario/steps/contract.js';
import type { Token } from '../scenario/steps/index.js';
import { ALLOCATOR, allocatorScenario, RACE, raceScenario } from './allocator.js';
import { type Category, categories, draws } from './categories.js';
import { nonsense } from './nonsense.js';
import { SECURE, secureScenario } from './secure-guest.js';
import { NOUVEAU, nouveauScenario } from './svm-client.js';
import { USERPTR, userptrScenario } from './userptr.js';

/** Pages of a region that the final look shows. */
const SHOWN = 16;
const MAX_REGIONS = 4;

/** How a process looks at its regions in the end. */
const LOOKS = ['snapshot', 'pagemap', 'load'] as const satisfies readonly Token[];

/** Around the edges of huge pages: where a range of a large region begins. */
const EDGES = [0, 1, 2, 100, 255, 256, 510, 511, 512, 513, 600, 698, 1022];

const mirrors = ({ ndevices }: Generation): boolean => ndevices > 0;

/** The shares of the categories that a kernel has, and equal ones where none has any. */
function sharesOf(generation: Generation): Weights<string> {
  const there = Object.entries(categories).filter(([, { where = mirrors }]) => where(generation));
  const none = there.every(([, { share }]) => share === 0);
  return Object.fromEntries(there.map(([name, { share }]) => [name, none ? 1 : share]));
}

class Generator implements Making {
  readonly steps: Step[] = [];
  living: Population[] = [{ name: 'p0', fds: [], regions: new Map(), files: new Set(), uffd: false }];
  readonly #dead: Population[] = [];
  processes = 1;
  #fds = 0;
  #regions = 0;

  constructor(
    readonly dice: Dice,
    readonly surroundings: Category,
    readonly generation: Generation,
  ) {}

  run(): void {
    const first = this.living[0]!;
    this.#draw('open', first);
    this.#draw('mmap', first);
    for (let left = this.dice.between(3, 32); left > 0; left--) this.#step();
    for (const process of this.living) this.#look(process);
  }

  /** The process that acts: mostly the first one that lives. */
  #actor(): Population {
    if (this.#dead.length > 0 && this.dice.once(40)) return this.#dead[0]!;
    return this.dice.once(3) ? this.dice.pick(this.living) : this.living[0]!;
  }

  #step(): void {
    const actor = this.#actor();
    if (this.dice.once(60)) {
      this.steps.push(nonsense(this.dice, actor, this.word()));
      return;
    }
    this.#draw(this.dice.weighted(this.surroundings.steps), actor);
  }

  #draw(token: Token, actor: Population): void {
    const { op, drawing } = draws.get(token)!;
    if ('change' in drawing) drawing.change(this, actor);
    else this.#pushOn(op, drawing, this.#range(actor), actor);
  }

  #pushOn(op: string, drawing: Extract<Drawing, { on: unknown }>, range: Range, actor: Population): void {
    this.push({ as: actor.name, op, ...drawing.on(range, this, actor) });
  }

  push(step: Fields): void {
    this.steps.push(step as Step);
  }

  word(): number {
    return 64 * (this.steps.length + 1);
  }

  nextFd(): string {
    return `d${this.#fds++}`;
  }

  regionToMap(actor: Population): string {
    const { dice } = this;
    const again = actor.regions.size > 0 && (this.#regions >= MAX_REGIONS || dice.once(6));
    return again ? dice.pick([...actor.regions.keys()]) : `r${this.#regions++}`;
  }

  anyRegion(): string {
    return `r${this.dice.below(MAX_REGIONS)}`;
  }

  born(parent: Population): string {
    const child = `p${this.processes++}`;
    const { fds, regions, files, uffd } = parent;
    this.living.push({
      name: child,
      fds: [...fds],
      regions: new Map(regions),
      files: new Set(files),
      uffd,
    });
    return child;
  }

  died(actor: Population): void {
    this.living = this.living.filter((process) => process !== actor);
    this.#dead.push(actor);
  }

  /** Pages of one of the process's regions: all of them, some, rarely none or more than there are. */
  #range(actor: Population): Range {
    const { dice } = this;
    const [region, size] = dice.pick([...actor.regions]);
    if (dice.once(4)) return { region, page: 0, pages: size };
    if (dice.once(80)) return { region, page: dice.below(size + 4), pages: dice.below(size + 8) };
    const { spans } = this.surroundings;
    if (spans !== undefined && size > 32 && dice.once(2)) {
      const [page, pages] = dice.pick(spans);
      return { region, page, pages: Math.min(size - page, pages) };
    }
    const page = size > 32 && !dice.once(4) ? dice.pick(EDGES) % size : dice.below(size);
    const most = dice.once(3) ? size - page : Math.min(size - page, 5);
    return { region, page, pages: dice.between(1, most) };
  }

  /** A look at everything that a process can see, which ends the scenario. */
  #look(process: Population): void {
    for (const [region, size] of process.regions) {
      const range = { region, page: 0, pages: Math.min(size, SHOWN) };
      for (const token of this.surroundings.looks ?? LOOKS) {
        const { op, drawing } = draws.get(token)!;
        if ('on' in drawing) this.#pushOn(op, drawing, range, process);
      }
    }
  }
}

/** The categories that a kernel has, those without a share among them. */
export function categoriesOf(kernel: string): string[] {
  return [...Object.keys(sharesOf(generationById(kernel)!)), ...Object.keys(composed)];
}

/** Categories that are composed in a way of their own. */
const composed: Readonly<Record<string, (seed: number, kernel: string) => ScenarioDocument>> = {
  [ALLOCATOR]: allocatorScenario,
  [NOUVEAU]: nouveauScenario,
  [USERPTR]: userptrScenario,
  [RACE]: raceScenario,
  [SECURE]: secureScenario,
};

export interface GenerateOptions {
  readonly kernel: string;
  /** One of categoriesOf(); by default any that has a share. */
  readonly category?: string;
}

/** The scenario of `seed`. The same for the same arguments, for ever in one version of the generator. */
export function generateScenario(seed: number, { kernel, category }: GenerateOptions): ScenarioDocument {
  const compose = composed[category ?? ''];
  if (compose !== undefined) return compose(seed, kernel);
  const dice = new Dice(seed);
  const generation = generationById(kernel)!;
  const kind = category ?? dice.weighted(sharesOf(generation));
  const chosen = categories[kind]!;
  const generator = new Generator(dice, chosen, generation);
  generator.run();
  const machine = chosen.machine === undefined ? {} : { machine: chosen.machine };
  return { name: `generated-${kind}-${seed}`, kernel, ...machine, steps: generator.steps };
}
