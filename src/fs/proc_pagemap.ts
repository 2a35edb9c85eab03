// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: fs/proc/task_mmu.c: /proc/self/pagemap and /proc/self/maps. Fidelity: ported. */
import type { Kernel } from '../mm/kernel.js';
import { compound_head, folio_test_anon, page_mapcount } from '../mm/page_flags.js';
import {
  FLAGS,
  is_migration_entry,
  is_pfn_swap_entry,
  type PmdTable,
  PTE_HUGE,
  pmd_index,
  pte_index,
  pte_present,
  vm_normal_page,
} from '../mm/pgtable.js';
import {
  is_vm_hugetlb_page,
  type MmStruct,
  VM_EXEC,
  VM_MAYSHARE,
  VM_READ,
  VM_WRITE,
  type VmArea,
} from '../mm/types.js';
import { copy_to_user } from '../mm/uaccess.js';
import { putU32 } from '../sim/bytes.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EFAULT, EINVAL } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import type { FileOperations, OpenFile } from './file.js';
import { simple_read_from_buffer } from './libfs.js';

/** Upper 32 bits of a pagemap entry. */
const PM_PRESENT = 1 << 31;
const PM_SWAP = 1 << 30;
const PM_FILE = 1 << 29;
const PM_MMAP_EXCLUSIVE = 1 << 24;
const PM_SOFT_DIRTY = 1 << 23;

/** File and exclusive bits of the page behind an entry. */
function page_bits(k: Kernel, page: Page, present: boolean, migration: boolean): number {
  const folio = compound_head(k.mem, page);
  let bits = folio_test_anon(k.mem, folio) ? 0 : PM_FILE;
  const counts = present || (!k.behaviour.pagemapExclusiveOnlyPresent && !migration);
  if (counts && page_mapcount(k.mem, page) === 1) bits |= PM_MMAP_EXCLUSIVE;
  return bits;
}

/** State in the upper half, and the number of the page, whose last bits are there, too. */
function put_entry(entries: Uint8Array, at: number, state: number, pfn = 0): void {
  putU32(entries, at, pfn >>> 0);
  putU32(entries, at + 4, (state | Math.floor(pfn / 2 ** 32)) >>> 0);
}

/** The entry for `addr` under a huge page. */
function put_huge_entry(entries: Uint8Array, at: number, vma: VmArea, addr: number, pmd: PmdTable): void {
  const k = vma.vm_mm.kernel;
  const m = pmd_index(addr);
  const flags = pmd.e[FLAGS + m]!;
  const own = pmd.e[m]! + pte_index(addr);
  // 6.1 looks at the head page of a THP for all of its entries.
  const head = is_vm_hugetlb_page(vma) || !k.behaviour.pagemapExclusiveOnlyPresent;
  const page = head ? pmd.e[m]! : own;
  if (pte_present(flags)) {
    const none = pmd.e[m] === k.hugeZeroFolio && k.behaviour.pagemapHugeZeroHasNoPage;
    const bits = none ? 0 : page_bits(k, page, true, false);
    put_entry(entries, at, PM_SOFT_DIRTY | PM_PRESENT | bits, k.mem.page_to_pfn(own));
  } else if (is_vm_hugetlb_page(vma)) {
    put_entry(entries, at, PM_SOFT_DIRTY);
  } else {
    put_entry(entries, at, PM_SOFT_DIRTY | PM_SWAP | page_bits(k, page, false, is_migration_entry(flags)));
  }
}

/** An entry of a table that is not none; what is present has a pfn. */
function put_small_entry(entries: Uint8Array, at: number, k: Kernel, page: Page, flags: number): void {
  const present = pte_present(flags);
  const state = PM_SOFT_DIRTY | (present ? PM_PRESENT : PM_SWAP);
  let counted: Page = NO_PAGE;
  if (present) counted = vm_normal_page(flags, page);
  else if (is_pfn_swap_entry(flags)) counted = page;
  const bits =
    counted === NO_PAGE ? 0 : page_bits(k, counted, present, !present && is_migration_entry(flags));
  put_entry(entries, at, state | bits, present ? k.mem.page_to_pfn(page) : 0);
}

/** The entry for `addr`, which lies in `vma`. */
function put_pagemap_entry(entries: Uint8Array, at: number, vma: VmArea, addr: number): void {
  const { pt, kernel } = vma.vm_mm;
  const pmd = pt.pmdTable(addr);
  const table = pmd?.child[pmd_index(addr)] ?? null;
  const flags = table?.[FLAGS + pte_index(addr)] ?? 0;
  if (pmd !== null && (pmd.e[FLAGS + pmd_index(addr)]! & PTE_HUGE) !== 0)
    put_huge_entry(entries, at, vma, addr, pmd);
  else if (flags !== 0) put_small_entry(entries, at, kernel, table![pte_index(addr)]!, flags);
  else put_entry(entries, at, PM_SOFT_DIRTY);
}

function* pagemap_read(
  file: OpenFile,
  caller: MmStruct,
  buf: number,
  count: number,
  pos: number,
): Task<number> {
  if (pos % 8 !== 0 || count % 8 !== 0) return -EINVAL;
  const mm = file.private_data as MmStruct;
  const entries = new Uint8Array(count);
  let vma: VmArea | null = null;
  for (let n = 0; n < count / 8; n++) {
    const addr = (pos / 8 + n) * PAGE_SIZE;
    if (vma === null || addr >= vma.vm_end) vma = mm.vmas.find_vma(addr);
    if (vma !== null && vma.vm_start <= addr) put_pagemap_entry(entries, 8 * n, vma, addr);
  }
  return (yield* copy_to_user(caller, buf, entries)) ? count : -EFAULT;
}

// biome-ignore lint/correctness/useYield: open() may sleep in other drivers.
function* openOf(file: OpenFile, mm: MmStruct): Task<number> {
  mm.mm_count++;
  file.private_data = mm;
  return 0;
}

// biome-ignore lint/correctness/useYield: releases may sleep in other drivers.
function* releaseOf(file: OpenFile): Task {
  file.kernel.mmdrop(file.private_data as MmStruct);
}

export const proc_pagemap_operations: FileOperations = {
  name: '/proc/self/pagemap',
  open: openOf,
  release: releaseOf,
  read: pagemap_read,
};

const hex = (n: number): string => n.toString(16).padStart(8, '0');

/** The file systems, by what maps their files. Their numbers differ from machine to machine. */
const DEVICES: Readonly<Record<string, string>> = {
  shmem: '00:01',
  shmem_anon: '00:01',
  hugetlb: '00:0f',
};
const DEVTMPFS = '00:06';

/** Where the name of a file begins. */
const NAME_COLUMN = 73;

/**
 * One line of /proc/self/maps.
 *
 * DIVERGES: numbers of devices are those of no machine, and inodes are counted from 1.
 */
function show_map_vma(vma: VmArea): string {
  const { vm_flags: flags } = vma;
  const perms =
    ((flags & VM_READ) !== 0 ? 'r' : '-') +
    ((flags & VM_WRITE) !== 0 ? 'w' : '-') +
    ((flags & VM_EXEC) !== 0 ? 'x' : '-') +
    ((flags & VM_MAYSHARE) !== 0 ? 's' : 'p');
  const file = vma.vm_file as OpenFile | null;
  const range = `${hex(vma.vm_start)}-${hex(vma.vm_end)} ${perms}`;
  // What has no file has no offset either: vm_pgoff is its address.
  if (file === null) return `${range} 00000000 00:00 0 \n`;
  const device = DEVICES[vma.vm_ops?.name ?? ''] ?? DEVTMPFS;
  const inode = file.mapping?.id ?? 1;
  const where = `${range} ${hex(vma.vm_pgoff * PAGE_SIZE)} ${device} ${inode} `;
  return `${where.padEnd(NAME_COLUMN)}${file.path}\n`;
}

function maps_read(file: OpenFile, caller: MmStruct, buf: number, count: number, pos: number): Task<number> {
  const mm = file.private_data as MmStruct;
  return simple_read_from_buffer(caller, buf, count, pos, [...mm.vmas].map(show_map_vma).join(''));
}

export const proc_maps_operations: FileOperations = {
  name: '/proc/self/maps',
  open: openOf,
  release: releaseOf,
  read: maps_read,
};
