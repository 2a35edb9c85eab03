// SPDX-License-Identifier: GPL-2.0-only
/** Makes scenarios up: from one seed always the same document, weighted as the recordings of real kernels are. */
import { type Generation, generationById } from '../generations/index.js';
import { ADVICE, GUP_KINDS, type ScenarioDocument, type Step, type StepOf } from '../scenario/schema.js';
import { type Category, categories, type Token } from './categories.js';
import { Dice, type Weights } from './dice.js';
import { nonsense } from './nonsense.js';

/** What one made-up process has, as far as the generator knows. */
export interface Population {
  readonly name: string;
  readonly fds: string[];
  /** Pages of each region that was mapped. */
  readonly regions: Map<string, number>;
}

interface Range {
  readonly region: string;
  readonly page: number;
  readonly pages: number;
}

/** Steps after which a process has more or less than before. */
type Changing = 'open' | 'close' | 'mmap' | 'fork' | 'exit';

/** Pages of a region that the final look shows. */
const SHOWN = 16;
const MAX_PROCESSES = 5;
const MAX_REGIONS = 4;

/** Around the edges of huge pages: where a range of a large region begins. */
const EDGES = [0, 1, 2, 100, 255, 256, 510, 511, 512, 513, 600, 698, 1022];

const shares: Weights<string> = Object.fromEntries(
  Object.entries(categories).map(([name, { share }]) => [name, share]),
);

const IOCTLS: Readonly<Partial<Record<Token, StepOf<'ioctl'>['cmd']>>> = {
  snapshot: 'SNAPSHOT',
  read: 'READ',
  write: 'WRITE',
  to_dev: 'MIGRATE_TO_DEV',
  to_sys: 'MIGRATE_TO_SYS',
  exclusive: 'EXCLUSIVE',
  check_exclusive: 'CHECK_EXCLUSIVE',
  release: 'RELEASE',
  get_type: 'GET_MEM_DEV_TYPE',
};

class Generator {
  readonly steps: Step[] = [];
  #living: Population[] = [{ name: 'p0', fds: [], regions: new Map() }];
  readonly #dead: Population[] = [];
  #processes = 1;
  #fds = 0;
  #regions = 0;

  constructor(
    readonly dice: Dice,
    readonly category: Category,
    readonly generation: Generation,
  ) {}

  run(): void {
    const first = this.#living[0]!;
    this.#open(first);
    this.#mmap(first);
    for (let left = this.dice.between(3, 32); left > 0; left--) this.#step();
    for (const process of this.#living) this.#look(process);
  }

  /** The process that acts: mostly the first one that lives. */
  #actor(): Population {
    if (this.#dead.length > 0 && this.dice.once(40)) return this.#dead[0]!;
    return this.dice.once(3) ? this.dice.pick(this.#living) : this.#living[0]!;
  }

  #step(): void {
    const actor = this.#actor();
    if (this.dice.once(60)) {
      this.steps.push(nonsense(this.dice, actor, this.#word()));
      return;
    }
    this.#take(this.dice.weighted(this.category.steps), actor);
  }

  #take(token: Token, actor: Population): void {
    if (token === 'open') this.#open(actor);
    else if (token === 'close') this.#close(actor);
    else if (token === 'mmap') this.#mmap(actor);
    else if (token === 'fork') this.#fork(actor);
    else if (token === 'exit') this.#exit(actor);
    else this.#push(this.#stepOn(token, this.#range(actor), actor));
  }

  /** A step that changes nothing of what the generator keeps. */
  #stepOn(token: Exclude<Token, Changing>, range: Range, actor: Population): Step {
    const { dice } = this;
    const as = actor.name;
    switch (token) {
      case 'unpin':
        return { as, op: 'unpin' };
      case 'load':
      case 'pagemap':
      case 'munmap':
      case 'mlock':
      case 'munlock':
        return { as, op: token, ...range };
      case 'store':
        return { as, op: 'store', ...range, word: this.#word() };
      case 'mprotect':
        return { as, op: 'mprotect', ...range, prot: dice.weighted({ r: 30, rw: 45, none: 20, w: 5 }) };
      case 'mremap':
        return { as, op: 'mremap', ...range, to: this.#target(range.region) };
      case 'gup':
        return { as, op: 'gup', ...range, kind: dice.pick(GUP_KINDS) };
      case 'pin':
        return { as, op: 'pin', ...range, write: dice.once(2) };
    }
    const advice = ADVICE.find((name) => name === token);
    if (advice !== undefined) return { as, op: 'madvise', ...range, advice };
    return this.#ioctl(IOCTLS[token]!, actor, range);
  }

  #push(step: Step): void {
    this.steps.push(step);
  }

  /** A word that no other step writes. */
  #word(): number {
    return 64 * (this.steps.length + 1);
  }

  #open(actor: Population): void {
    const fd = `d${this.#fds++}`;
    const devices = this.category.devices.filter((device) => device < this.generation.ndevices);
    this.#push({ as: actor.name, op: 'open', fd, device: this.dice.pick(devices) });
    actor.fds.push(fd);
  }

  #close(actor: Population): void {
    // The last one is kept: without a device there is not much to see.
    if (actor.fds.length < 2) {
      this.#open(actor);
      return;
    }
    const [fd] = actor.fds.splice(this.dice.below(actor.fds.length), 1);
    this.#push({ as: actor.name, op: 'close', fd: fd! });
  }

  #mmap(actor: Population): void {
    const { dice, category } = this;
    const again = actor.regions.size > 0 && (this.#regions >= MAX_REGIONS || dice.once(6));
    const region = again ? dice.pick([...actor.regions.keys()]) : `r${this.#regions++}`;
    const pages = dice.pick(category.pages);
    const backing = dice.weighted(category.backing);
    const share = dice.below(100) < category.shared ? ('shared' as const) : ('private' as const);
    const mapping = {
      as: actor.name,
      op: 'mmap' as const,
      region,
      pages,
      prot: dice.weighted(category.prot),
    };
    if (backing === 'device') {
      this.#push({ ...mapping, share: 'private', backing, fd: actor.fds[0]! });
    } else {
      const whole = backing === 'hugetlb' ? 512 : pages;
      this.#push({ ...mapping, pages: whole, share, backing });
    }
    actor.regions.set(region, pages);
    if (category.advised && pages >= 512) {
      this.#push({ as: actor.name, op: 'madvise', region, page: 0, pages, advice: 'hugepage' });
    }
  }

  /** Where mremap moves to: another region, mapped or not. */
  #target(region: string): { region: string; page: number } {
    const { dice } = this;
    return { region: dice.once(3) ? region : `r${dice.below(MAX_REGIONS)}`, page: dice.below(32) };
  }

  #fork(parent: Population): void {
    if (this.#processes >= MAX_PROCESSES) return;
    const child = `p${this.#processes++}`;
    this.#push({ as: parent.name, op: 'fork', child });
    this.#living.push({ name: child, fds: [...parent.fds], regions: new Map(parent.regions) });
  }

  #exit(actor: Population): void {
    if (this.#living.length < 2) return;
    this.#push({ as: actor.name, op: 'exit' });
    this.#living = this.#living.filter((process) => process !== actor);
    this.#dead.push(actor);
  }

  #ioctl(cmd: StepOf<'ioctl'>['cmd'], actor: Population, range: Range): Step {
    const fd = this.dice.once(4) ? this.dice.pick(actor.fds) : actor.fds[0]!;
    const head = { as: actor.name, op: 'ioctl' as const };
    if (cmd === 'WRITE') return { ...head, cmd, fd, ...range, word: this.#word() };
    const oneMigrate = this.generation.uapi.nr.MIGRATE !== undefined;
    if (oneMigrate && (cmd === 'MIGRATE_TO_DEV' || cmd === 'MIGRATE_TO_SYS')) {
      return { ...head, cmd: 'MIGRATE', fd, ...range, toDevice: cmd === 'MIGRATE_TO_DEV' };
    }
    return { ...head, cmd, fd, ...range } as Step;
  }

  /** Pages of one of the process's regions: all of them, some, rarely none or more than there are. */
  #range(actor: Population): Range {
    const { dice } = this;
    const [region, size] = dice.pick([...actor.regions]);
    if (dice.once(4)) return { region, page: 0, pages: size };
    if (dice.once(80)) return { region, page: dice.below(size + 4), pages: dice.below(size + 8) };
    const page = size > 32 && !dice.once(4) ? dice.pick(EDGES) % size : dice.below(size);
    const most = dice.once(3) ? size - page : Math.min(size - page, 5);
    return { region, page, pages: dice.between(1, most) };
  }

  /** A look at everything that a process can see, which ends the scenario. */
  #look(process: Population): void {
    const as = process.name;
    for (const [region, size] of process.regions) {
      const range = { region, page: 0, pages: Math.min(size, SHOWN) };
      this.#push(this.#ioctl('SNAPSHOT', process, range));
      this.#push({ as, op: 'pagemap', ...range });
      this.#push({ as, op: 'load', ...range });
    }
  }
}

export interface GenerateOptions {
  readonly kernel: string;
  /** One of `categories`; by default any. */
  readonly category?: string;
}

/** The scenario of `seed`. The same for the same arguments, for ever in one version of the generator. */
export function generateScenario(seed: number, { kernel, category }: GenerateOptions): ScenarioDocument {
  const dice = new Dice(seed);
  const kind = category ?? dice.weighted(shares);
  const chosen = categories[kind]!;
  const generator = new Generator(dice, chosen, generationById(kernel)!);
  generator.run();
  const machine = chosen.machine === undefined ? {} : { machine: chosen.machine };
  return { name: `generated-${kind}-${seed}`, kernel, ...machine, steps: generator.steps };
}
