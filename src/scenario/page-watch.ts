// SPDX-License-Identifier: GPL-2.0-only
/**
 * A watchpoint on one virtual page: every change of its page table entry, and every reference taken on or dropped
 * from the folios that it maps, with the functions that did it.
 *
 * The memory core knows nothing of this. The reference counts are wrapped while somebody watches, as a debugger sets a
 * hardware watchpoint, and the functions are read from the stack.
 */
import type { TraceEvent, TraceSink } from '../mm/trace.js';
import { tracedPages } from '../mm/trace.js';
import type { MmStruct } from '../mm/types.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Machine } from '../user/machine.js';
import { faultFunction } from './explain-fault.js';
import { observePage, type PageState } from './observe.js';

export type Change =
  | {
      readonly kind: 'ref';
      readonly page: Page;
      readonly from: number;
      readonly to: number;
      readonly fns: string[];
    }
  | { readonly kind: 'pte'; readonly from: PageState; readonly to: PageState; readonly fn: string }
  | { readonly kind: 'event'; readonly event: TraceEvent };

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
  'free_unref_page',
  'free_zone_device_folio',
  'zone_device_page_init',
  'unpin_user_pages',
  'unpin_user_page',
  'folio_remove_rmap_pte',
  'folio_add_new_anon_rmap',
  'folio_add_anon_rmap_pte',
]);

/** Parts of a kernel function that are functions of their own here, and names that are shorter here. */
const KERNEL_NAMES: Readonly<Record<string, string>> = {
  collect_page: 'migrate_vma_collect_pmd',
  collect_ptes: 'migrate_vma_collect_pmd',
  collect_split: 'migrate_vma_collect_pmd',
  migrate_one_pte: 'try_to_migrate_one',
  restore_pinned: 'migrate_device_unmap',
  split_anon_pmd: '__split_huge_pmd_locked',
  exclusive_range: 'dmirror_exclusive',
  get_page: 'folio_get',
  put_page: 'folio_put',
  alloc_page: '__alloc_pages',
  alloc_huge: '__alloc_pages',
  stop: 'pin_longterm_test_stop',
};

const FRAME = /^\s+at (?:new )?([\w$.]+)(?: \[as \w+\])? \(/;
/** Frames of the runtime, and of this file. */
const NO_FUNCTION = /^(next|set|Reflect|anonymous|forEach|map|emit|note|calls)$/;

/** The simulated functions on the stack, innermost first. */
function callers(stack: string): string[] {
  const names: string[] = [];
  for (const line of stack.split('\n')) {
    const name = FRAME.exec(line)?.[1]?.split('.').at(-1);
    if (name === undefined || NO_FUNCTION.test(name) || line.includes('page-watch')) continue;
    if (name !== names.at(-1)) names.push(name);
  }
  return names;
}

/** Helpers up to and with the first function that is none, by their kernel names. */
function deciding(names: readonly string[]): string[] {
  const end = names.findIndex((name) => !HELPERS.has(name));
  const found = (end < 0 ? names : names.slice(0, end + 1)).map((name) => KERNEL_NAMES[name] ?? name);
  return found.filter((name, i) => name !== found[i - 1]);
}

function calls(): string[] {
  return deciding(callers(new Error().stack ?? ''));
}

type Counts = Int32Array<ArrayBuffer> | Int32Array;

export class PageWatch implements TraceSink {
  #changes: Change[] = [];
  #state: PageState;
  /** Folios whose references count: those mapped here now, and those mapped here before until they are freed. */
  readonly #folios = new Set<Page>();
  #restore: (() => void) | null = null;

  constructor(
    private readonly machine: Machine,
    private readonly mm: MmStruct,
    readonly addr: number,
  ) {
    this.#state = this.observe();
  }

  observe(): PageState {
    return observePage(this.machine, this.mm, this.addr);
  }

  /** Watch until release(). The counts are wrapped anew each time: the core may have replaced them meanwhile. */
  arm(): void {
    const { mem } = this.machine.kernel;
    const { refcount, mapcount } = mem;
    mem.refcount = this.#wrap(refcount, (page, from, to) => {
      this.#changes.push({ kind: 'ref', page, from, to, fns: calls() });
      this.#poll();
    });
    const watched = mem.refcount;
    mem.mapcount = this.#wrap(mapcount, () => this.#poll());
    const watchedMaps = mem.mapcount;
    this.#restore = () => {
      if (mem.refcount === watched) mem.refcount = refcount;
      if (mem.mapcount === watchedMaps) mem.mapcount = mapcount;
    };
  }

  /** Return: what has changed since arm(), as far as it concerns the page. */
  release(): Change[] {
    this.#poll('');
    this.#restore?.();
    this.#restore = null;
    const changes = this.#changes.filter((change) => change.kind !== 'ref' || this.#folios.has(change.page));
    this.#changes = [];
    this.#forgetFreed();
    return changes;
  }

  emit(event: TraceEvent): void {
    const faulted = event.event === 'page_fault_end';
    this.#poll(faulted ? faultFunction({ before: this.#state, write: event.args?.write === 1 }) : event.fn);
    if (this.#concerns(event)) this.#changes.push({ kind: 'event', event });
  }

  #concerns({ mm, addr, page, args }: TraceEvent): boolean {
    if (addr !== undefined) {
      const pages = tracedPages({ event: '', fn: '', ...(args === undefined ? {} : { args }) });
      return (mm === undefined || mm === this.mm) && addr <= this.addr && this.addr < addr + pages * 4096;
    }
    return page !== undefined && page !== NO_PAGE && this.#folios.has(page);
  }

  /** Note a change of the entry. `fn` made it; without it, the function that runs. */
  #poll(fn?: string): void {
    const now = this.observe();
    const { page, pte, where } = this.#state;
    if (now.folio !== NO_PAGE && now.where !== 'zero') this.#folios.add(now.folio);
    if (now.page === page && now.pte === pte && now.where === where) return;
    this.#changes.push({ kind: 'pte', from: this.#state, to: now, fn: fn ?? calls().at(-1) ?? '' });
    this.#state = now;
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
