// SPDX-License-Identifier: GPL-2.0-only
/**
 * The reverse mapping agrees with the page tables: mapcounts count the entries, every mapping is found through the
 * page's anon_vma or file, and what is exclusive or writable is nobody else's.
 */
import type { Kernel } from '../mm/kernel.js';
import { pte_devmap } from '../mm/memory.js';
import {
  compound_head,
  folio_entire_mapcount,
  folio_mapcount,
  folio_test_large,
  PG_anon_exclusive,
  PG_hugetlb,
} from '../mm/page_flags.js';
import {
  is_device_private_entry,
  is_migration_entry,
  is_pfn_swap_entry,
  PTE_SPECIAL,
  PTE_WRITE,
  pte_present,
  SWP_DEVICE_EXCLUSIVE_WRITE,
  SWP_DEVICE_WRITE,
  swp_type,
} from '../mm/pgtable.js';
import { vma_is_special_mapping } from '../mm/special_mapping.js';
import {
  linear_page_index,
  type MmStruct,
  VM_MIXEDMAP,
  VM_PFNMAP,
  VM_SHARED,
  type VmArea,
  vma_is_dax,
} from '../mm/types.js';
import type { Page } from '../sim/memmap.js';
import type { Census } from './census.js';
import { hex, violation } from './violation.js';

const NAME = 'rmap';

export function check_rmap(census: Census): void {
  check_mapcounts(census);
  for (const [mm, entries] of census.entries) entries.forEach(new Places(census, mm));
}

function check_mapcounts(census: Census): void {
  const { mem } = census;
  const { ptes } = census.columns;
  for (const { low, high } of census.touched) {
    for (let page = low; page < high; page++) {
      if (mem.mapcount[page] !== ptes[page]) {
        throw wrong_mapcount(census, page, 'mapcount', mem.mapcount[page]!, ptes[page]!, 'PTEs');
      }
      if (mem.refcount[page] === 0) continue;
      if (folio_test_large(mem, page)) check_large_mapcounts(census, page);
      check_exclusive(census, page);
    }
  }
}

function wrong_mapcount(
  census: Census,
  page: Page,
  what: string,
  said: number,
  counted: number,
  by: string,
): Error {
  return violation(NAME, `${census.show(page)}: ${what} ${said}, but ${counted} ${by} map it`);
}

function check_large_mapcounts(census: Census, folio: Page): void {
  const { mem } = census;
  const { ptes, pmds } = census.columns;
  const entire = folio_entire_mapcount(mem, folio);
  if (entire !== pmds[folio]) {
    throw wrong_mapcount(census, folio, 'entire mapcount', entire, pmds[folio]!, 'PMDs');
  }
  let sum = pmds[folio]!;
  for (let i = 0; i < 512; i++) sum += ptes[folio + i]!;
  const said = folio_mapcount(mem, folio);
  if (said !== sum) throw wrong_mapcount(census, folio, 'large mapcount', said, sum, 'entries');
}

/** An exclusive page has at most one mapping; each page of a THP has its own flag. */
function check_exclusive(census: Census, folio: Page): void {
  const { mem } = census;
  const { ptes, pmds, exclusives } = census.columns;
  const count = folio_test_large(mem, folio) ? 512 : 1;
  for (let page = folio; page < folio + count; page++) {
    if ((mem.flags[page]! & PG_anon_exclusive) === 0) continue;
    const mapped = ptes[page]! + exclusives[page]! + pmds[folio]!;
    if (mapped <= 1) continue;
    throw violation(NAME, `${census.show(page)}: AnonExclusive, but mapped ${mapped} times`);
  }
}

// --- places -----------------------------------------------------------------------------------------------

/** Whether an rmap walk from this page->mapping comes to `vma`. */
function leads_to(k: Kernel, mapping: number, vma: VmArea): boolean {
  if (mapping < 0) return k.mappings[-mapping]?.i_mmap.has(vma) ?? false;
  const anon_vma = k.anonVmas[mapping];
  return (
    anon_vma !== undefined &&
    anon_vma !== null &&
    vma.anon_vma_chain.some((avc) => avc.anon_vma === anon_vma && anon_vma.chains.has(avc))
  );
}

/** Whether the page may be written through the entry, by the CPU or by the device that has it. */
function is_writable(flags: number): boolean {
  if (pte_present(flags)) return (flags & PTE_WRITE) !== 0;
  return swp_type(flags) === SWP_DEVICE_WRITE || swp_type(flags) === SWP_DEVICE_EXCLUSIVE_WRITE;
}

/** The entries of one mm, VMA by VMA. */
class Places {
  private vma: VmArea | null = null;
  private mapping = 0;
  private leads = false;

  constructor(
    private readonly census: Census,
    private readonly mm: MmStruct,
  ) {}

  pte(address: number, page: Page, flags: number): void {
    if (pte_present(flags) && (flags & PTE_SPECIAL) !== 0) {
      if (pte_devmap(this.census.k, flags, page)) this.dax(address, page);
      else this.zero(address, page, flags);
      return;
    }
    // No page of anybody's.
    if (!pte_present(flags) && !is_pfn_swap_entry(flags)) return;
    if (!pte_present(flags)) this.swap_type(address, page, flags);
    this.entry(address, page, is_writable(flags));
  }

  leaf(address: number, page: Page, flags: number): void {
    const { hugeZeroFolio, zeroPage } = this.census.k;
    if (page === hugeZeroFolio) {
      this.zero(address, zeroPage, flags);
      return;
    }
    if (!pte_present(flags) && !is_pfn_swap_entry(flags)) return;
    if (!pte_present(flags)) this.swap_type(address, page, flags);
    this.entry(address, page, is_writable(flags));
  }

  /** A page of a DAX file is there that the file has at this place, and nobody else. */
  private dax(address: number, page: Page): void {
    const vma = this.mm.vmas.vma_lookup(address);
    if (vma === null || !vma_is_dax(vma)) throw this.at(address, 'a page of a DAX file in another mapping');
    const { kind, i_pages } = vma.vm_file!.mapping!;
    if (kind === 'dax' && i_pages.get(linear_page_index(vma, address)) !== page)
      throw this.at(address, 'a page that the DAX file does not have there');
  }

  private zero(address: number, page: Page, flags: number): void {
    const { k } = this.census;
    if (k.imagePages.includes(page) && (this.vmaOf(address).vm_flags & VM_PFNMAP) !== 0) return;
    if (page !== k.zeroPage) throw this.at(address, 'a special entry of another page than the zero page');
    if ((flags & PTE_WRITE) !== 0) throw this.at(address, 'the zero page is writable');
  }

  /** Between system calls only devices' entries are left. */
  private swap_type(address: number, page: Page, flags: number): void {
    const { k } = this.census;
    if (is_migration_entry(flags)) throw this.at(address, 'a migration entry, and nobody migrates');
    if (!is_device_private_entry(flags)) return;
    // memunmap_pages() of v5-generic leaves entries without a pagemap.
    if (k.is_zone_device_page(page) && !k.has_pgmap(page)) return;
    if (k.is_zone_device_page(page) && k.pgmapOf(page).type === 'MEMORY_DEVICE_PRIVATE') return;
    throw this.at(address, `a device private entry of ${this.census.show(page)}`);
  }

  private entry(address: number, page: Page, writable: boolean): void {
    const { mem } = this.census;
    const vma = this.vmaOf(address);
    const folio = compound_head(mem, page);
    const mapping = mem.mapping[folio]!;
    if (mapping === 0) {
      if ((vma.vm_flags & VM_MIXEDMAP) !== 0 || vma_is_special_mapping(vma)) return;
      throw this.at(address, `${this.census.show(page)} has no mapping`);
    }
    if (mapping !== this.mapping) {
      this.mapping = mapping;
      this.leads = leads_to(this.census.k, mapping, vma);
    }
    if (!this.leads) throw this.at(address, `rmap of ${this.census.show(page)} does not lead to its VMA`);
    const index = mem.index[folio]! + page - folio;
    if (index !== linear_page_index(vma, address)) {
      throw this.at(
        address,
        `rmap of ${this.census.show(page)} leads to page ${index} of the object, but page ${linear_page_index(vma, address)} is mapped here`,
      );
    }
    if (writable) this.writable(address, vma, page, mapping > 0);
  }

  /** Only what nobody else sees may be written without a fault, or what is shared on purpose. */
  private writable(address: number, vma: VmArea, page: Page, anon: boolean): void {
    const { mem } = this.census;
    if ((vma.vm_flags & VM_SHARED) !== 0) return;
    if (!anon) throw this.at(address, `${this.census.show(page)} of a file is writable in a private mapping`);
    const folio = compound_head(mem, page);
    const flags = mem.flags[(mem.flags[folio]! & PG_hugetlb) !== 0 ? folio : page]!;
    if ((flags & PG_anon_exclusive) !== 0) return;
    throw this.at(address, `${this.census.show(page)} is writable, but not AnonExclusive`);
  }

  private vmaOf(address: number): VmArea {
    const { vma } = this;
    if (vma !== null && vma.vm_start <= address && address < vma.vm_end) return vma;
    const found = this.mm.vmas.vma_lookup(address);
    if (found === null) throw this.at(address, 'an entry outside of every VMA');
    this.vma = found;
    this.mapping = 0;
    return found;
  }

  private at(address: number, text: string): Error {
    return violation(NAME, `mm ${this.mm.id}, ${hex(address)}: ${text}`);
  }
}
