// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: arch/x86 page tables, include/linux/pgtable.h, swapops.h. Fidelity: ported (four levels; our bit layout).
 *
 * A PTE table is 1,024 words: entry i has its page in word i and its flags in word 512 + i. A PMD table has the same,
 * where a leaf is a huge page, and beside it the PTE tables that its other entries point to. Page table locks are
 * implied: nothing here sleeps.
 */
import { NO_PAGE, type Page } from '../sim/memmap.js';

/** Flags of a present entry. */
export const PTE_PRESENT = 1 << 0;
export const PTE_WRITE = 1 << 1;
export const PTE_DIRTY = 1 << 2;
export const PTE_YOUNG = 1 << 3;
/** Present, but the CPU may not touch it (PROT_NONE); always with PTE_PRESENT here. */
export const PTE_PROTNONE = 1 << 4;
/** No struct page behind it in this mapping: the zero page. */
export const PTE_SPECIAL = 1 << 5;
/** A huge leaf, present or not. */
export const PTE_HUGE = 1 << 6;
/** Write-protected for a userfaultfd; never with PTE_WRITE. */
export const PTE_UFFD_WP = 1 << 7;
/** What stays when an entry gets another protection (_PAGE_CHG_MASK). */
export const PTE_CHG_MASK: number = PTE_DIRTY | PTE_YOUNG | PTE_SPECIAL | PTE_UFFD_WP;

/** Swap-type entries: the type in bits 8 to 11, of an entry that is not present. */
const SWP_SHIFT = 8;
const SWP_MASK = 0xf << SWP_SHIFT;
export const SWP_DEVICE_READ = 1 << SWP_SHIFT;
export const SWP_DEVICE_WRITE = 2 << SWP_SHIFT;
export const SWP_DEVICE_EXCLUSIVE_READ = 3 << SWP_SHIFT;
export const SWP_DEVICE_EXCLUSIVE_WRITE = 4 << SWP_SHIFT;
export const SWP_MIGRATION_READ = 5 << SWP_SHIFT;
export const SWP_MIGRATION_READ_EXCLUSIVE = 6 << SWP_SHIFT;
export const SWP_MIGRATION_WRITE = 7 << SWP_SHIFT;
/** No page, but word that its page is to be write-protected for a userfaultfd, or that there is to be none (PTE_MARKER_*). */
export const SWP_PTE_MARKER = 8 << SWP_SHIFT;
/** A slot of the swap device, in place of a page. */
export const SWP_SWAP = 9 << SWP_SHIFT;
/** Young and dirty bits that a migration entry keeps. */
/** A page that the hardware has lost; whoever touches it gets a signal. Nobody holds the page for it. */
export const SWP_HWPOISON = 10 << SWP_SHIFT;
export const SWP_MIG_YOUNG = 1 << 12;
export const SWP_MIG_DIRTY = 1 << 13;
/** Of a slot: no other process has it. */
export const SWP_EXCLUSIVE = 1 << 15;
/** Of a marker: whoever touches it gets a signal (PTE_MARKER_GUARD). */
export const SWP_GUARD = 1 << 16;
/** What PTE_UFFD_WP is in an entry that is not present. */
export const SWP_UFFD_WP = 1 << 14;
/** No page, but word that its page comes write-protected for a userfaultfd. */
export const PTE_MARKER_UFFD_WP = SWP_PTE_MARKER | SWP_UFFD_WP;

/** Words of a table; entry i's flags are at FLAGS + i. */
export const FLAGS = 512;

export type PteTable = Uint32Array;

export class PmdTable {
  readonly e: Uint32Array = new Uint32Array(1024);
  readonly child: (PteTable | null)[] = new Array(512).fill(null);
  /** Entries that are not none. */
  used = 0;
}

export class PudTable {
  readonly child: (PmdTable | null)[] = new Array(512).fill(null);
  used = 0;
}

export const PMD_MASK_SIZE = 0x200000;
export const PUD_SIZE = 0x40000000;
export const PGD_SIZE = 0x8000000000;

/** Table indices of an address. ToInt32 keeps the low 32 bits of the quotient, enough for nine. */
export const pte_index = (addr: number): number => (addr / 0x1000) & 511;
export const pmd_index = (addr: number): number => (addr / 0x200000) & 511;
const pud_index = (addr: number): number => (addr / 0x40000000) & 511;
const pgd_index = (addr: number): number => (addr / 0x8000000000) & 511;

export const pmd_addr_end = (addr: number, end: number): number =>
  Math.min(addr - (addr % 0x200000) + 0x200000, end);
export const pud_addr_end = (addr: number, end: number): number =>
  Math.min(addr - (addr % 0x40000000) + 0x40000000, end);

export const swp_type = (flags: number): number => flags & SWP_MASK;
export const pte_present = (flags: number): boolean => (flags & PTE_PRESENT) !== 0;

/** The page of a present PTE that the memory core may handle; NO_PAGE for special ones (the zero page). */
export function vm_normal_page(flags: number, page: Page): Page {
  return (flags & PTE_SPECIAL) !== 0 ? NO_PAGE : page;
}

export function is_device_private_entry(flags: number): boolean {
  const type = swp_type(flags);
  return type === SWP_DEVICE_READ || type === SWP_DEVICE_WRITE;
}

export function is_device_exclusive_entry(flags: number): boolean {
  const type = swp_type(flags);
  return type === SWP_DEVICE_EXCLUSIVE_READ || type === SWP_DEVICE_EXCLUSIVE_WRITE;
}

export function is_migration_entry(flags: number): boolean {
  const type = swp_type(flags);
  return type >= SWP_MIGRATION_READ && type <= SWP_MIGRATION_WRITE;
}

export function is_pte_marker(flags: number): boolean {
  return swp_type(flags) === SWP_PTE_MARKER;
}

/** A page that nobody may touch (MADV_GUARD_INSTALL). */
export function is_guard_marker(flags: number): boolean {
  return is_pte_marker(flags) && (flags & SWP_GUARD) !== 0;
}

/** Whether an entry that is not present stands for a page; a slot of the swap device and a marker do not. */
export function is_pfn_swap_entry(flags: number): boolean {
  const type = swp_type(flags);
  return type !== 0 && type <= SWP_MIGRATION_WRITE;
}

export function is_swap_entry(flags: number): boolean {
  return swp_type(flags) === SWP_SWAP;
}

export function is_hwpoison_entry(flags: number): boolean {
  return swp_type(flags) === SWP_HWPOISON;
}

/** Nothing there but, maybe, the marker of a userfaultfd. */
export function pte_none_mostly(flags: number): boolean {
  return flags === 0 || (is_pte_marker(flags) && (flags & SWP_GUARD) === 0);
}

/** The write protection of a userfaultfd, from one kind of entry to the other. */
export const swp_uffd_wp_of = (present: number): number => ((present & PTE_UFFD_WP) !== 0 ? SWP_UFFD_WP : 0);
export const pte_uffd_wp_of = (swp: number): number => ((swp & SWP_UFFD_WP) !== 0 ? PTE_UFFD_WP : 0);

/** A huge leaf, whatever it stands for: a page, one on a device, one that migrates. */
export const pmd_is_huge = (pmd: PmdTable, i: number): boolean => (pmd.e[FLAGS + i]! & PTE_HUGE) !== 0;

/** A huge leaf that maps a page. */
export const pmd_trans_huge = (pmd: PmdTable, i: number): boolean =>
  (pmd.e[FLAGS + i]! & (PTE_HUGE | PTE_PRESENT)) === (PTE_HUGE | PTE_PRESENT);

/** Neither a table nor a leaf. */
export const pmd_none = (pmd: PmdTable, i: number): boolean =>
  pmd.child[i] === null && pmd.e[FLAGS + i] === 0;

/** A huge page on a device, which the CPU cannot reach. */
export const pmd_is_device_private_entry = (pmd: PmdTable, i: number): boolean =>
  is_device_private_entry(pmd.e[FLAGS + i]!);

export const pmd_is_migration_entry = (pmd: PmdTable, i: number): boolean =>
  is_migration_entry(pmd.e[FLAGS + i]!);

/** Tables that are empty and may be used again, shared by the address spaces of a machine and by its next boots. */
export class TablePool {
  readonly pte: PteTable[] = [];
  readonly pmd: PmdTable[] = [];
  readonly pud: PudTable[] = [];
}

/** The page tables of one mm. */
export class PageTables {
  readonly pgd: (PudTable | null)[] = [];
  /** PTE tables in use, for accounting. */
  nr_ptes = 0;

  constructor(private readonly pool: TablePool) {}

  pmdTable(addr: number): PmdTable | null {
    const pud = this.pgd[pgd_index(addr)];
    return pud === undefined || pud === null ? null : pud.child[pud_index(addr)]!;
  }

  /** The PTE table for `addr`, or null when there is none (hole, or a huge leaf). */
  pteTable(addr: number): PteTable | null {
    const pmd = this.pmdTable(addr);
    return pmd === null ? null : pmd.child[pmd_index(addr)]!;
  }

  pmd_alloc(addr: number): PmdTable {
    const g = pgd_index(addr);
    let pud = this.pgd[g];
    if (pud === undefined || pud === null) {
      pud = this.pool.pud.pop() ?? new PudTable();
      this.pgd[g] = pud;
    }
    const u = pud_index(addr);
    let pmd = pud.child[u]!;
    if (pmd === null) {
      pmd = this.pool.pmd.pop() ?? new PmdTable();
      pud.child[u] = pmd;
      pud.used++;
    }
    return pmd;
  }

  /** The PTE table for `addr`, made when it is missing. Not for an address under a huge leaf. */
  pte_alloc(addr: number): PteTable {
    const pmd = this.pmd_alloc(addr);
    const i = pmd_index(addr);
    return pmd.child[i] ?? this.pmd_populate(pmd, i);
  }

  /** Put an empty PTE table into a PMD entry that is none. */
  pmd_populate(pmd: PmdTable, i: number): PteTable {
    const table = this.pool.pte.pop() ?? new Uint32Array(1024);
    pmd.child[i] = table;
    pmd.used++;
    this.nr_ptes++;
    return table;
  }

  set_pmd(pmd: PmdTable, i: number, page: Page, flags: number): void {
    if (pmd.e[FLAGS + i] === 0) pmd.used++;
    pmd.e[i] = page;
    pmd.e[FLAGS + i] = flags;
  }

  pmd_clear(pmd: PmdTable, i: number): void {
    if (pmd.e[FLAGS + i] !== 0) pmd.used--;
    pmd.e[i] = 0;
    pmd.e[FLAGS + i] = 0;
  }

  /**
   * free_pgtables(): free the tables of [start, end) that no mapping below `floor` or above `ceiling` needs.
   * The entries are none already.
   */
  free_pgd_range(start: number, end: number, floor: number, ceiling: number): void {
    for (let addr = start - (start % PUD_SIZE); addr < end; addr += PUD_SIZE) {
      const pud = this.pgd[pgd_index(addr)];
      if (pud === undefined || pud === null) continue;
      const u = pud_index(addr);
      const pmd = pud.child[u]!;
      if (pmd === null) continue;
      const from = Math.max(addr, start - (start % PMD_MASK_SIZE));
      this.free_pte_tables(pmd, from, Math.min(addr + PUD_SIZE, end), floor, ceiling);
      if (addr < floor || addr + PUD_SIZE > ceiling || pmd.used > 0) continue;
      pud.child[u] = null;
      pud.used--;
      this.pool.pmd.push(pmd);
    }
  }

  /** Free the PTE table of the 2 MiB at `address`, of which the entries are none already. */
  free_pte_table(address: number): void {
    const end = address + PMD_MASK_SIZE;
    this.free_pgd_range(address, end, address, end);
  }

  /** Power off: clear every table and give it back, whatever it maps. */
  discard(): void {
    for (const pud of this.pgd) {
      if (pud === undefined || pud === null) continue;
      for (let u = 0; pud.used > 0 && u < 512; u++) {
        const pmd = pud.child[u]!;
        if (pmd === null) continue;
        this.discard_pmd(pmd);
        pud.child[u] = null;
        pud.used--;
        this.pool.pmd.push(pmd);
      }
      this.pool.pud.push(pud);
    }
    this.pgd.length = 0;
  }

  private discard_pmd(pmd: PmdTable): void {
    for (let i = 0; pmd.used > 0 && i < 512; i++) {
      const table = pmd.child[i]!;
      if (table !== null) {
        table.fill(0);
        this.pool.pte.push(table);
        pmd.child[i] = null;
        pmd.used--;
      }
      if (pmd.e[FLAGS + i] !== 0) this.pmd_clear(pmd, i);
    }
  }

  private free_pte_tables(pmd: PmdTable, start: number, end: number, floor: number, ceiling: number): void {
    for (let addr = start; addr < end; addr += PMD_MASK_SIZE) {
      const i = pmd_index(addr);
      const table = pmd.child[i]!;
      if (table === null || addr < floor || addr + PMD_MASK_SIZE > ceiling) continue;
      pmd.child[i] = null;
      pmd.used--;
      this.nr_ptes--;
      this.pool.pte.push(table);
    }
  }
}
