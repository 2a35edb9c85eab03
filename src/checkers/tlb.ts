// SPDX-License-Identifier: GPL-2.0-only
/** What the CPU has cached of a page table, the page table still says: no flush is missing. */
import {
  FLAGS,
  PTE_HUGE,
  PTE_PRESENT,
  PTE_PROTNONE,
  PTE_WRITE,
  pmd_index,
  pte_index,
} from '../mm/pgtable.js';
import type { MmStruct } from '../mm/types.js';
import { NO_PAGE, PAGE_SIZE, type Page } from '../sim/memmap.js';
import type { Tlb } from '../sim/tlb.js';
import type { Census } from './census.js';
import { hex, violation } from './violation.js';

const NAME = 'tlb';

export interface Translation {
  /** NO_PAGE where nothing is mapped. */
  readonly page: Page;
  /** Of the PTE, or of the PMD that maps the huge page. */
  readonly flags: number;
}

const NOTHING: Translation = { page: NO_PAGE, flags: 0 };

/** The page table's entry for `address`, of whatever kind. */
export function translate({ pt }: MmStruct, address: number): Translation {
  const pmd = pt.pmdTable(address);
  if (pmd === null) return NOTHING;
  const m = pmd_index(address);
  const table = pmd.child[m]!;
  const i = pte_index(address);
  if (table !== null) return { page: table[i]!, flags: table[FLAGS + i]! };
  const flags = pmd.e[FLAGS + m]!;
  return (flags & PTE_HUGE) === 0 ? NOTHING : { page: pmd.e[m]! + i, flags };
}

export function check_tlbs({ k, mms }: Census): void {
  for (const { tlbs } of k.executor.cpus) for (const mm of mms) check_tlb(mm, tlbs[mm.id]);
}

const wrong = (mm: MmStruct, vpn: number, text: string): Error =>
  violation(NAME, `mm ${mm.id}, ${hex(vpn * PAGE_SIZE)}: ${text}`);

function check_tlb(mm: MmStruct, tlb: Tlb | undefined): void {
  for (const { vpn, page, writable } of tlb?.entries() ?? []) {
    const { page: now, flags } = translate(mm, vpn * PAGE_SIZE);
    if ((flags & (PTE_PRESENT | PTE_PROTNONE)) !== PTE_PRESENT) {
      throw wrong(mm, vpn, 'cached, but not accessible any more');
    }
    if (now !== page) throw wrong(mm, vpn, `page ${page} is cached, but page ${now} is mapped`);
    if (writable && (flags & PTE_WRITE) === 0) {
      throw wrong(mm, vpn, 'cached as writable, but mapped read-only');
    }
  }
}
