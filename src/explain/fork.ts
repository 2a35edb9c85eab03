// SPDX-License-Identifier: GPL-2.0-only
/** fork: what the child got of each page of its parent, which function saw to it, and what the parent lost. */
import { kernelName } from '../generations/names.js';
import type { Holder } from '../kernel/module.js';
import type { Machine } from '../machine/machine.js';
import { type MmStruct, VM_DONTCOPY, VM_WIPEONFORK } from '../mm/types.js';
import { placeOf } from '../scenario/actor.js';
import { regionName } from '../scenario/place.js';
import { NO_PAGE, PAGE_SIZE } from '../sim/memmap.js';
import { MAX_OBSERVED, observePage, type PageState, pagePlace } from '../watch/observe.js';
import { PageStates } from '../watch/page-states.js';
import { changeOf, toldOf } from './change.js';
import { type Decision, decided } from './fault.js';
import type { MappingEvents, MappingExplanation } from './mapping.js';
import { type CountedFact, NO_VERDICTS, type PageVerdict, Verdicts } from './verdict.js';

/** A page of the parent, and what its VMA says about children. */
interface Inherited {
  readonly addr: number;
  readonly before: PageState;
  readonly flags: number;
  /** Who keeps it, pinned or not. */
  readonly holder?: Holder;
}

/** The same page in all three places. */
interface Outcome extends Inherited {
  readonly after: PageState;
  readonly child: PageState;
}

export class ForkExplainer {
  readonly #addresses: number[] = [];
  readonly #flags: number[] = [];
  readonly #holders = new Map<number, Holder>();
  readonly #before = new PageStates();
  #more = 0;

  /** Context: the process of `mm` is about to fork. */
  constructor(
    private readonly machine: Machine,
    private readonly mm: MmStruct,
  ) {
    for (const { vm_start, vm_end, vm_flags } of mm.vmas) {
      if (placeOf(vm_start) === undefined) continue;
      const end = Math.min(vm_end, vm_start + (MAX_OBSERVED - this.#before.length) * PAGE_SIZE);
      for (let addr = vm_start; addr < end; addr += PAGE_SIZE) this.#look(addr, vm_flags);
      this.#more += (vm_end - end) / PAGE_SIZE;
    }
  }

  #look(addr: number, flags: number): void {
    const before = observePage(this.machine, this.mm, addr);
    const held = before.page === NO_PAGE ? null : this.machine.drivers.holderOf(before.folio);
    if (held !== null) this.#holders.set(this.#before.length, held);
    this.#before.push(before);
    this.#addresses.push(addr);
    this.#flags.push(flags);
  }

  #inherited(index: number): Inherited {
    const holder = this.#holders.get(index);
    const own = { addr: this.#addresses[index]!, before: this.#before.at(index), flags: this.#flags[index]! };
    return holder === undefined ? own : { ...own, holder };
  }

  #now(mm: MmStruct): PageStates {
    const states = new PageStates();
    for (const addr of this.#addresses) states.push(observePage(this.machine, mm, addr));
    return states;
  }

  /** `child`: null where there is none, because fork failed. `invalidations`: what was told while it ran. */
  explain({ invalidations }: MappingEvents, child: MmStruct | null): MappingExplanation {
    const told = toldOf(invalidations, this.mm);
    if (child === null) return { pages: NO_VERDICTS, more: 0, told };
    const { version } = this.machine.generation;
    const [parents, children] = [this.#now(this.mm), this.#now(child)];
    const make = (index: number): PageVerdict => {
      const inherited = this.#inherited(index);
      const { addr, before } = inherited;
      const own = children.at(index);
      const outcome = { ...inherited, after: parents.at(index), child: own };
      const { fn, ...decision } = decideFork(outcome);
      const places = { from: pagePlace(before), to: pagePlace(own) };
      const page = regionName(addr);
      return { page, ...decision, fn: kernelName(fn, version), ...places, ...earlierOf(outcome) };
    };
    const pages = new Verdicts(this.#before.length, make, (index) =>
      this.#areAlike(parents, children, index),
    );
    return { pages, more: this.#more, told };
  }

  /** Whether fork did to page `index` what it did to the one before it. */
  #areAlike(parents: PageStates, children: PageStates, index: number): boolean {
    const before = this.#before;
    const isParents = (i: number): boolean => parents.page(i) === children.page(i);
    const stays = (i: number): boolean => parents.page(i) === before.page(i);
    return (
      [before, parents, children].every((states) => states.isAlike(index)) &&
      before.kind(index).where !== 'exclusive' &&
      isParents(index) === isParents(index - 1) &&
      stays(index) === stays(index - 1) &&
      this.#flags[index] === this.#flags[index - 1] &&
      this.#holders.get(index) === this.#holders.get(index - 1) &&
      this.#addresses[index] === this.#addresses[index - 1]! + PAGE_SIZE
    );
  }
}

function decideFork(outcome: Outcome): Decision {
  const { flags, after, child, holder } = outcome;
  if ((flags & VM_DONTCOPY) !== 0) return decided('absent', 'dup_mmap', { id: 'not-for-children' });
  if ((flags & VM_WIPEONFORK) !== 0) return decided('wiped', 'dup_mmap', { id: 'wiped-for-children' });
  if (child.page === after.page) {
    return child.page === NO_PAGE ? decided('same', '', { id: 'as-it-was' }) : shared(outcome);
  }
  if (child.page === NO_PAGE) return decided('left out', 'vma_needs_copy', { id: 'left-to-faults' });
  const fn = child.vma?.backing === 'hugetlb' ? 'copy_hugetlb_page_range' : 'copy_present_page';
  return decided('copied', fn, {
    id: 'copied-for-child',
    ...(holder === undefined ? {} : { holder: holder.name }),
  });
}

function shared({ before, after, child, holder }: Outcome): Decision {
  const { moved: _, ...change } = changeOf(before, after);
  const split = before.level === 'pmd' && after.level === 'pte' ? ({ split: true } as const) : {};
  const held = holder === undefined || holder.pinned ? {} : { holder: holder.name };
  return decided('shared', copier(child), { id: 'inherited', ...held, ...change, ...split });
}

/** Which function copied the entry that the child has. */
function copier({ vma, level, cpu }: PageState): string {
  if (vma?.backing === 'hugetlb') return 'copy_hugetlb_page_range';
  if (level === 'pmd') return 'copy_huge_pmd';
  return cpu === '' ? 'copy_nonpresent_pte' : 'copy_present_pte';
}

/** An exclusive entry is no entry that a child could have: it goes first. */
function earlierOf({ before, after }: Outcome): { readonly earlier?: readonly CountedFact[] } {
  if (before.where !== 'exclusive' || after.where === 'exclusive') return {};
  return { earlier: [{ reason: { id: 'exclusive-restored' }, to: pagePlace(after) }] };
}
