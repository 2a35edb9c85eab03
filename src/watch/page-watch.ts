// SPDX-License-Identifier: GPL-2.0-only
/**
 * A watchpoint on one virtual page: every change of its page table entry, and every reference taken on or dropped
 * from the folios that it maps, with the functions that did it.
 *
 * The memory core knows nothing of this. The reference counts and the entry are wrapped while somebody watches, as a
 * debugger sets a hardware watchpoint, and the functions are read from the stack.
 */

import { kernelName } from '../generations/names.js';
import type { Machine } from '../machine/machine.js';
import type { TraceEvent, TraceSink } from '../mm/trace.js';
import { tracedPages } from '../mm/trace.js';
import type { MmStruct } from '../mm/types.js';
import { sourceName } from '../sim/function-name.js';
import { NO_PAGE, PAGE_SIZE, type Page } from '../sim/memmap.js';
import { EntryWatch } from './entry-watch.js';
import { observePage, type PageState } from './observe.js';

interface RefChange {
  readonly kind: 'ref';
  /** At that time: the memory of a device may go, and its page come back elsewhere. */
  readonly pfn: number;
  readonly from: number;
  readonly to: number;
  /** What the functions did it for, by their kernel names, innermost first. */
  readonly fns: readonly string[];
}

export type Change =
  | RefChange
  | { readonly kind: 'pte'; readonly from: PageState; readonly to: PageState; readonly fn: string }
  | { readonly kind: 'event'; readonly event: TraceEvent };

/** A change with its number, and the stack that it happened on: who wants to know reads it later. */
interface Noted {
  readonly number: number;
  change(): Change;
}

/** Functions that take and drop references for others: whoever called them is of interest too. */
const HELPERS = new Set([
  'get_page',
  'put_page',
  '__folio_put',
  'folio_try_get',
  'try_grab_folio',
  'gup_put_folio',
  'alloc_page',
  'alloc_huge',
  'alloc_reserve',
  'prep_new_page',
  'rmqueue',
  '__alloc_pages_slowpath',
  'free_unref_page',
  'free_zone_device_folio',
  'zone_device_page_init',
  'unpin_user_pages',
  'unpin_user_page',
  'folio_remove_rmap_pte',
  'folio_add_new_anon_rmap',
  'folio_add_anon_rmap_pte',
]);

const FRAME = /^\s+at (?:new )?([\w$.]+)(?: \[as \w+\])? \(/;
/** Frames of the runtime, of the watch, and of what only walks or stores for others. */
const NO_FUNCTION = new Set([
  ...['next', 'set', 'Reflect', 'anonymous', 'forEach', 'map', 'emit', 'note', 'storing'],
  ...[
    'forEachMappedPte',
    'forEachMigrationPte',
    'forEachHugeEntry',
    'set_pmd',
    'pmd_clear',
    'pmd_populate',
    'pte_alloc',
  ],
  ...['alloc_set_aside_huge', 'folio_prealloc', 'alloc_charged', 'alloc_page_at', 'alloc_huge_at'],
  ...['tryPage', 'userPage', 'userPageFault'],
]);

/** The simulated functions on the stack, innermost first. */
function callers(stack: string): string[] {
  const names: string[] = [];
  for (const line of stack.split('\n')) {
    const frame = FRAME.exec(line)?.[1];
    if (frame === undefined) continue;
    const name = sourceName(frame.split('.').at(-1)!);
    if (NO_FUNCTION.has(name) || /(page|entry)-watch/.test(line)) continue;
    if (name !== names.at(-1)) names.push(name);
  }
  return names;
}

/** Helpers up to and with the first function that is none, by their kernel names. */
function deciding(stack: Error, version: string): string[] {
  const names = callers(stack.stack ?? '');
  const end = names.findIndex((name) => !HELPERS.has(name));
  const found = (end < 0 ? names : names.slice(0, end + 1)).map((name) => kernelName(name, version));
  return found.filter((name, i) => name !== found[i - 1]);
}

type Counts = Int32Array<ArrayBuffer> | Int32Array;

export class PageWatch implements TraceSink {
  #noted: Noted[] = [];
  #count = 0;
  /** Changes to folios that have not been mapped here, but may be before the watch is released. */
  readonly #others = new Map<Page, Noted[]>();
  #state: PageState;
  /** Folios whose references count: those mapped here now, and those mapped here before until they are freed. */
  readonly #folios = new Set<Page>();
  readonly #entry: EntryWatch;
  /** Which function is storing into the entry, until it has done so. */
  #storing: string | undefined;
  #restore: (() => void) | null = null;

  constructor(
    private readonly machine: Machine,
    private readonly mm: MmStruct,
    readonly addr: number,
  ) {
    this.#state = this.observe();
    this.#entry = new EntryWatch(mm.pt, addr, () => this.#store());
    this.#follow(this.#state);
  }

  observe(): PageState {
    return observePage(this.machine, this.mm, this.addr);
  }

  /** Watch until release(). The counts are wrapped anew each time: the core may have replaced them meanwhile. */
  arm(): void {
    const { mem } = this.machine.kernel;
    const { refcount } = mem;
    mem.refcount = this.#wrap(refcount, (page, from, to) => this.#reference(page, from, to));
    const watched = mem.refcount;
    this.#entry.arm();
    this.#restore = () => {
      if (mem.refcount === watched) mem.refcount = refcount;
      this.#entry.release();
    };
  }

  /** Return: what has changed since arm(), as far as it concerns the page, in its order. */
  release(): Change[] {
    this.#poll('');
    this.#restore?.();
    this.#restore = null;
    const changes = this.#noted.sort((a, b) => a.number - b.number).map((noted) => noted.change());
    this.#noted = [];
    this.#others.clear();
    this.#forgetFreed();
    return changes;
  }

  /** Whether this is the page of the address space that is watched. */
  isOf(mm: MmStruct, addr: number): boolean {
    return mm === this.mm && addr === this.addr;
  }

  emit(event: TraceEvent): void {
    // Who tells the mirrors has not made the VMA that came, or taken the one that went.
    this.#poll(event.event === 'mmu_notifier_invalidate_range_start' ? '' : event.fn);
    if (this.#concerns(event)) this.#note(() => ({ kind: 'event', event }));
  }

  #note(change: () => Change, list = this.#noted): void {
    list.push({ number: this.#count++, change });
  }

  #concerns(event: TraceEvent): boolean {
    const { mm, addr, page } = event;
    if (addr !== undefined) {
      const end = addr + tracedPages(event) * PAGE_SIZE;
      return (mm === undefined || mm === this.mm) && addr <= this.addr && this.addr < end;
    }
    return page !== undefined && page !== NO_PAGE && this.#folios.has(page);
  }

  #reference(page: Page, from: number, to: number): void {
    if (this.#storing !== undefined) this.#poll();
    const stack = new Error();
    const { kernel, generation } = this.machine;
    const pfn = kernel.mem.page_to_pfn(page);
    const change = (): Change => ({ kind: 'ref', pfn, from, to, fns: deciding(stack, generation.version) });
    if (this.#folios.has(page)) this.#note(change);
    // A folio that goes without having been mapped here is none of ours.
    else if (to === 0) this.#others.delete(page);
    else this.#note(change, this.#othersOf(page));
  }

  #othersOf(page: Page): Noted[] {
    const others = this.#others.get(page) ?? [];
    this.#others.set(page, others);
    return others;
  }

  /** The entry is stored into: a store by another function has been done by now. */
  #store(): void {
    const fn = deciding(new Error(), this.machine.generation.version).at(-1) ?? '';
    if (this.#storing !== undefined && this.#storing !== fn) this.#poll();
    this.#storing = fn;
  }

  /** Note a change of what is at the address: by the function that has stored into the entry, else by `fn`. */
  #poll(fn = ''): void {
    const by = this.#storing ?? fn;
    if (this.#storing === undefined && !this.#mapsChanged()) return;
    this.#storing = undefined;
    const from = this.#state;
    const to = this.observe();
    this.#follow(to);
    if (to.page === from.page && to.pte === from.pte && to.where === from.where) return;
    this.#note(() => ({ kind: 'pte', from, to, fn: by }));
    this.#state = to;
  }

  /** Has a VMA come, or gone, where no entry is? */
  #mapsChanged(): boolean {
    const { where } = this.#state;
    if (where !== 'none' && where !== 'unmapped') return false;
    return (this.mm.vmas.vma_lookup(this.addr) === null) !== (where === 'unmapped');
  }

  #follow({ folio, where }: PageState): void {
    if (folio === NO_PAGE || where === 'zero' || this.#folios.has(folio)) return;
    this.#folios.add(folio);
    this.#noted.push(...(this.#others.get(folio) ?? []));
    this.#others.delete(folio);
  }

  #forgetFreed(): void {
    const { refcount } = this.machine.kernel.mem;
    for (const folio of this.#folios) {
      if (refcount[folio] === 0 && folio !== this.#state.folio) this.#folios.delete(folio);
    }
  }

  /** Tells of every store into `counts` that changes a value. */
  #wrap(counts: Int32Array, changed: (page: Page, from: number, to: number) => void): Int32Array {
    return new Proxy<Counts>(counts, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
      set(target, key, value: number) {
        const page = Number(key);
        const from = target[page]!;
        target[page] = value;
        if (from !== target[page]) changed(page, from, value);
        return true;
      },
    });
  }
}
