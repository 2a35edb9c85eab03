// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: include/linux/migrate.h, what devices migrate: struct migrate_vma and its entries. Fidelity: ported. */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { type Because, reasonOf } from './reasons.js';
import type { VmArea } from './types.js';

/** An entry of src or dst: the page in the upper 28 bits, flags in the lower four. */
export const MIGRATE_PFN_VALID = 1;
export const MIGRATE_PFN_MIGRATE = 2;
export const MIGRATE_PFN_WRITE = 4;
/** Of 512 pages as one; the 511 entries behind it are 0. */
export const MIGRATE_PFN_COMPOUND = 8;
export const MIGRATE_PFN_SHIFT = 4;

export const MIGRATE_VMA_SELECT_SYSTEM = 1;
export const MIGRATE_VMA_SELECT_DEVICE_PRIVATE = 2;
export const MIGRATE_VMA_SELECT_DEVICE_COHERENT = 4;
/** Whole huge pages, too. */
export const MIGRATE_VMA_SELECT_COMPOUND = 8;

export const migrate_pfn = (page: Page): number => ((page << MIGRATE_PFN_SHIFT) | MIGRATE_PFN_VALID) >>> 0;

export const migrate_pfn_to_page = (mpfn: number): Page =>
  (mpfn & MIGRATE_PFN_VALID) !== 0 ? mpfn >>> MIGRATE_PFN_SHIFT : NO_PAGE;

/** struct migrate_vma. Arrays hold one entry a page of [start, end). */
export interface MigrateVma {
  vma: VmArea;
  readonly src: Uint32Array;
  readonly dst: Uint32Array;
  cpages: number;
  npages: number;
  /** Bytes. */
  start: number;
  end: number;
  pgmap_owner: unknown;
  flags: number;
  fault_page: Page;
}

/** struct migrate_vma of [start, end), with arrays of its own. */
export function new_migrate_vma(
  fields: Pick<MigrateVma, 'vma' | 'start' | 'end' | 'pgmap_owner' | 'flags'> & { fault_page?: Page },
): MigrateVma {
  const pages = (fields.end - fields.start) / PAGE_SIZE;
  const arrays = { src: new Uint32Array(pages), dst: new Uint32Array(pages) };
  return { ...arrays, cpages: 0, npages: 0, fault_page: NO_PAGE, ...fields };
}

/** Tell why the entries of [addr, end), or of one page, stay where they are. Return: 0, their entry. */
export function skip(
  migrate: MigrateVma,
  addr: number,
  page: Page,
  fn: string,
  because: Because,
  end?: number,
): 0 {
  const { vm_mm } = migrate.vma;
  if (vm_mm.kernel.trace === null) return 0;
  const args = { pages: end === undefined ? 1 : (end - addr) / PAGE_SIZE };
  vm_mm.kernel.note({ event: 'skip', fn, mm: vm_mm, addr, page, reason: reasonOf(because), args });
  return 0;
}
