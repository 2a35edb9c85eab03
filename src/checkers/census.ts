// SPDX-License-Identifier: GPL-2.0-only
/**
 * Who holds which page: counted anew from page tables, page cache, pins and drivers, for the checkers that compare
 * it with what each page says of itself.
 */
import type { Drivers } from '../kernel/drivers.js';
import type { Kernel } from '../mm/kernel.js';
import { type DevPagemap, idle_device_refs, is_dax_page } from '../mm/memremap.js';
import {
  compound_head,
  folio_nr_pages,
  folio_test_large,
  GUP_PIN_COUNTING_BIAS,
  PG_private,
} from '../mm/page_flags.js';
import {
  is_device_exclusive_entry,
  is_device_private_entry,
  is_hwpoison_entry,
  PTE_SPECIAL,
  pte_present,
} from '../mm/pgtable.js';
import type { MmStruct } from '../mm/types.js';
import { type Memmap, NO_PAGE, type Page, type PageRange } from '../sim/memmap.js';
import { Entries } from './entries.js';

/** Columns by page, kept from one census to the next because the memmap is large and mostly untouched. */
class Columns {
  /** References that are accounted for. Of a folio, in its head page. */
  readonly refs: Int32Array;
  /** PTEs that map the page: present or device private. */
  readonly ptes: Int32Array;
  /** PMDs that map the huge page, in its head page. */
  readonly pmds: Int32Array;
  /** Device exclusive entries. */
  readonly exclusives: Int32Array;
  /** Pins of the folio, in its head page. */
  readonly pins: Int32Array;
  /** What has been written, and is to be cleared. */
  private used: readonly PageRange[] = [];

  constructor(readonly pages: number) {
    this.refs = new Int32Array(pages);
    this.ptes = new Int32Array(pages);
    this.pmds = new Int32Array(pages);
    this.exclusives = new Int32Array(pages);
    this.pins = new Int32Array(pages);
  }

  clear(next: readonly PageRange[]): void {
    for (const { low, high } of this.used) {
      for (const column of [this.refs, this.ptes, this.pmds, this.exclusives, this.pins]) {
        column.fill(0, low, high);
      }
    }
    this.used = next;
  }
}

const columnsOf = new WeakMap<Memmap, Columns>();
/** Kept for their buffers. */
const entriesOf = new WeakMap<MmStruct, Entries>();

function entriesNow(mm: MmStruct): Entries {
  let entries = entriesOf.get(mm);
  if (entries === undefined) {
    entries = new Entries();
    entriesOf.set(mm, entries);
  }
  entries.read(mm.pt);
  return entries;
}

function cleanColumns(mem: Memmap, touched: readonly PageRange[]): Columns {
  const pages = mem.refcount.length;
  let columns = columnsOf.get(mem);
  if (columns === undefined || columns.pages < pages) {
    columns = new Columns(pages);
    columnsOf.set(mem, columns);
  }
  columns.clear(touched);
  return columns;
}

export class Census {
  readonly mem: Memmap;
  readonly columns: Columns;
  /** Pages that are or were in use. All others are as the memmap came into being. */
  readonly touched: readonly PageRange[];
  /** Pages in use, by the memory that they are of. */
  readonly devicePages = new Map<DevPagemap, number>();
  /** Of each address space. */
  readonly entries: ReadonlyMap<MmStruct, Entries>;
  /** Folios whose lock somebody keeps. */
  readonly locked: ReadonlySet<Page>;

  constructor(
    readonly k: Kernel,
    readonly drivers: Drivers,
    readonly mms: readonly MmStruct[],
  ) {
    this.mem = k.mem;
    this.touched = k.mem.touched();
    this.columns = cleanColumns(k.mem, this.touched);
    this.locked = new Set(k.lockHolders.flatMap((holder) => [...holder()]));
    this.entries = new Map(mms.map((mm) => [mm, entriesNow(mm)]));
    this.count_kernel();
    for (const entries of this.entries.values()) this.count_entries(entries);
    this.count_page_cache();
    this.count_pins();
    this.count_references();
    this.count_device_pages();
  }

  /** The page as a finding names it. */
  show(page: Page): string {
    const { k, mem } = this;
    if (k.is_zone_device_page(page) && !k.has_pgmap(page)) return 'what is no page';
    let kind = 'page';
    if (k.is_zone_device_page(page)) kind = `${k.pgmapOf(page).type} page`;
    else if (folio_test_large(mem, page)) kind = 'huge page';
    return `${kind} with pfn 0x${mem.page_to_pfn(page).toString(16)}`;
  }

  private count_kernel(): void {
    const { k, columns } = this;
    columns.refs[k.zeroPage]!++;
    for (const page of k.imagePages) columns.refs[page]!++;
    if (k.hugeZeroFolio !== 0) columns.refs[k.hugeZeroFolio]!++;
    for (const page of k.swap?.cache.values() ?? []) columns.refs[page]!++;
    for (const page of k.leakedReferences) columns.refs[compound_head(this.mem, page)]!++;
  }

  private count_entries(entries: Entries): void {
    const { k, mem } = this;
    const { refs, ptes, pmds, exclusives } = this.columns;
    entries.forEach({
      pte(_address, page, flags) {
        if (pte_present(flags)) {
          // The zero page, and pages of DAX files before 6.15: no reference, no mapping.
          if ((flags & PTE_SPECIAL) !== 0) return;
          ptes[page]!++;
        } else if (is_device_private_entry(flags)) {
          ptes[page]!++;
        } else if (is_device_exclusive_entry(flags)) {
          if (k.behaviour.exclusiveEntriesMap) ptes[page]!++;
          else exclusives[page]!++;
        } else {
          return;
        }
        refs[compound_head(mem, page)]!++;
      },
      leaf(_address, page, flags) {
        if (page === k.hugeZeroFolio || is_hwpoison_entry(flags)) return;
        refs[page]!++;
        pmds[page]!++;
      },
    });
  }

  private count_page_cache(): void {
    const { refs } = this.columns;
    for (const mapping of this.k.mappings) {
      // What a DAX file has mapped, it holds no reference of.
      if (mapping === null || mapping.dax !== null) continue;
      for (const page of mapping.i_pages.values()) {
        refs[compound_head(this.mem, page)]! += (this.mem.flags[page]! & PG_private) !== 0 ? 2 : 1;
      }
    }
  }

  private count_pins(): void {
    const { k, mem } = this;
    const { refs, pins } = this.columns;
    for (const holder of k.pinHolders) {
      for (const page of holder()) {
        if (page === k.zeroPage) continue;
        const folio = compound_head(mem, page);
        pins[folio]!++;
        refs[folio]! += folio_test_large(mem, folio) ? 1 : GUP_PIN_COUNTING_BIAS;
      }
    }
  }

  private count_references(): void {
    const { k, mem } = this;
    const { refs } = this.columns;
    for (const holder of k.referenceHolders) {
      for (const page of holder()) refs[compound_head(mem, page)]!++;
    }
  }

  /** Device pages, and those of system memory that hold the contents of some. */
  private count_device_pages(): void {
    const { k, mem } = this;
    const { refs } = this.columns;
    for (const { low, high } of this.touched) {
      if (!k.is_zone_device_page(low) || !k.has_pgmap(low)) continue;
      const view = this.drivers.driverOf(low)?.view;
      const idle = idle_device_refs(k, low);
      const dax = is_dax_page(k, low);
      let used = 0;
      for (let page = low; page < high; page++) {
        const count = mem.refcount[page]!;
        // What was never handed out has not even its own reference yet.
        if (count > 0) refs[page]! += idle;
        // Pages of a DAX file do not hold their pagemap.
        if (dax || count <= idle) continue;
        used += folio_nr_pages(mem, page);
        const backing = view?.backingOf?.(page) ?? NO_PAGE;
        if (backing !== NO_PAGE) refs[backing]!++;
      }
      this.devicePages.set(k.pgmapOf(low), used);
    }
  }
}
