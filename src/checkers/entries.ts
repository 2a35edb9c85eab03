// SPDX-License-Identifier: GPL-2.0-only
/** Walks every entry of an address space's page tables that is not none, in order of address. */
import {
  FLAGS,
  type PageTables,
  PGD_SIZE,
  PMD_MASK_SIZE,
  type PmdTable,
  type PteTable,
  PUD_SIZE,
} from '../mm/pgtable.js';
import { PAGE_SIZE, type Page } from '../sim/memmap.js';

export interface EntryVisitor {
  /** A PTE. */
  pte(address: number, page: Page, flags: number): void;
  /** A huge page: a leaf of the PMD table. */
  leaf(address: number, page: Page, flags: number): void;
}

function walk_ptes(table: PteTable, address: number, visitor: EntryVisitor): void {
  for (let i = 0; i < 512; i++) {
    const flags = table[FLAGS + i]!;
    if (flags !== 0) visitor.pte(address + i * PAGE_SIZE, table[i]!, flags);
  }
}

function walk_pmds(pmd: PmdTable, address: number, visitor: EntryVisitor): void {
  if (pmd.used === 0) return;
  for (let i = 0; i < 512; i++) {
    const table = pmd.child[i]!;
    if (table !== null) walk_ptes(table, address + i * PMD_MASK_SIZE, visitor);
    else if (pmd.e[FLAGS + i] !== 0) visitor.leaf(address + i * PMD_MASK_SIZE, pmd.e[i]!, pmd.e[FLAGS + i]!);
  }
}

/** Calls `one` for every PMD table, with the address that it begins at. */
export function forEachPmdTable(pt: PageTables, one: (pmd: PmdTable, address: number) => void): void {
  for (let g = 0; g < pt.pgd.length; g++) {
    const pud = pt.pgd[g];
    if (pud === undefined || pud === null || pud.used === 0) continue;
    for (let u = 0; u < 512; u++) {
      const pmd = pud.child[u]!;
      if (pmd !== null) one(pmd, g * PGD_SIZE + u * PUD_SIZE);
    }
  }
}

export function forEachEntry(pt: PageTables, visitor: EntryVisitor): void {
  forEachPmdTable(pt, (pmd, address) => walk_pmds(pmd, address, visitor));
}
