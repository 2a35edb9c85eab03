// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/mmap.c (special mappings), arch/x86/entry/vdso/vma.c, lib/vdso/datastore.c: pages of the kernel that it maps for
 * programs, the code of the vdso and its data (vvar). Fidelity: ported, but for time namespaces and clocks of hypervisors.
 *
 * DIVERGES: exec() maps none, so that a program has a vdso only where it asks for one (ARCH_MAP_VDSO_64); and the pages of the kernel's
 * image that hold it are taken from the free ones when it is first asked for.
 */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import { done, type Task } from '../sim/task.js';
import { EEXIST, EINVAL, ENOMEM } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import type { Kernel } from './kernel.js';
import { do_vmi_munmap, get_unmapped_area } from './mmap.js';
import { get_page, UNMOVABLE } from './page_alloc.js';
import { PG_reserved, PG_uptodate } from './page_flags.js';
import { FLAGS, PTE_SPECIAL, PTE_YOUNG, pte_index } from './pgtable.js';
import {
  type MmStruct,
  VM_DONTDUMP,
  VM_DONTEXPAND,
  VM_EXEC,
  VM_FAULT_NOPAGE,
  VM_FAULT_SIGBUS,
  VM_IO,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYWRITE,
  VM_MIXEDMAP,
  VM_PFNMAP,
  VM_READ,
  VmArea,
  type VmFault,
  type VmOperations,
} from './types.js';
import { MAX_MAP_COUNT, vma_link, vma_set_page_prot } from './vma.js';

/** Pages of the code. */
const TEXT_PAGES = 2;

/** Pages of data below it; what hypervisors have for a clock is among them, or later in a mapping of its own behind them. */
const DATA_PAGES = 4;
const VCLOCK_PAGES = 2;

/** What the kernel has for the vdso: a page of data, then the code. null: there is no memory. */
function image_of(k: Kernel): readonly Page[] | null {
  while (k.imagePages.length < 1 + TEXT_PAGES) {
    const page = k.pages.alloc_page(UNMOVABLE);
    if (page === NO_PAGE) return null;
    k.contents.clear_page(page);
    k.mem.flags[page] = PG_reserved | PG_uptodate;
    k.imagePages.push(page);
  }
  return k.imagePages;
}

/** Hand a page of the kernel to the fault. Context: may sleep. */
function* hand_out(vmf: VmFault, page: Page): Task<number> {
  const k = vmf.vma.vm_mm.kernel;
  get_page(k, page);
  vmf.page = page;
  yield* k.lock_page(page, '__do_fault');
  return 0;
}

/** vdso_fault(). */
function vdso_fault(vmf: VmFault): Task<number> {
  const image = vmf.vma.vm_mm.kernel.imagePages;
  return vmf.pgoff < TEXT_PAGES ? hand_out(vmf, image[1 + vmf.pgoff]!) : done(VM_FAULT_SIGBUS);
}

/** vvar_fault(): the clock is on the first page, and nothing on the others. */
function vvar_fault(vmf: VmFault): Task<number> {
  const { vma, address, pgoff } = vmf;
  const k = vma.vm_mm.kernel;
  if (pgoff !== 0) return done(VM_FAULT_SIGBUS);
  if (k.behaviour.vvarPagesAreNormal) return hand_out(vmf, k.imagePages[0]!);
  // vmf_insert_pfn()
  const table = vma.vm_mm.pt.pte_alloc(address);
  const i = pte_index(address);
  if (table[FLAGS + i] === 0) {
    table[i] = k.imagePages[0]!;
    table[FLAGS + i] = vma.vm_page_prot | PTE_SPECIAL | PTE_YOUNG;
  }
  return done(VM_FAULT_NOPAGE);
}

/** special_mapping_vmops: never split, so that no part goes, or changes, alone. */
const operations = (name: string, fault: (vmf: VmFault) => Task<number>): VmOperations => ({
  name,
  fault,
  close: () => undefined,
  may_split: () => -EINVAL,
});

const vdso_mapping = operations('[vdso]', vdso_fault);
const vvar_mapping = operations('[vvar]', vvar_fault);
const vvar_vclock_mapping = operations('[vvar_vclock]', () => done(VM_FAULT_SIGBUS));

const SPECIAL: ReadonlySet<VmOperations | null> = new Set([vdso_mapping, vvar_mapping, vvar_vclock_mapping]);

/** Whether the kernel's own pages are mapped there. */
export const vma_is_special_mapping = (vma: VmArea): boolean => SPECIAL.has(vma.vm_ops);

/** _install_special_mapping(). Context: mmap_lock held for write. Return: 0 or -ENOMEM. */
function install_special_mapping(
  mm: MmStruct,
  addr: number,
  pages: number,
  vm_flags: number,
  ops: VmOperations,
): number {
  if (mm.vmas.size >= MAX_MAP_COUNT) return -ENOMEM;
  const vma = new VmArea(mm, addr, addr + pages * PAGE_SIZE);
  vma.vm_flags = vm_flags | VM_DONTEXPAND;
  vma.vm_ops = ops;
  vma_set_page_prot(vma);
  vma_link(mm, vma);
  return 0;
}

const TEXT_FLAGS = VM_READ | VM_EXEC | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
const PFN_FLAGS = VM_READ | VM_MAYREAD | VM_IO | VM_DONTDUMP | VM_PFNMAP;
const PAGE_FLAGS = VM_READ | VM_MAYREAD | VM_DONTDUMP | VM_MIXEDMAP;

interface Part {
  readonly pages: number;
  readonly flags: number;
  readonly ops: VmOperations;
}

/** What lies one behind the other. */
function parts_of(k: Kernel): readonly Part[] {
  const text: Part = { pages: TEXT_PAGES, flags: TEXT_FLAGS, ops: vdso_mapping };
  if (!k.behaviour.vvarPagesAreNormal)
    return [{ pages: DATA_PAGES, flags: PFN_FLAGS, ops: vvar_mapping }, text];
  return [
    { pages: DATA_PAGES, flags: PAGE_FLAGS, ops: vvar_mapping },
    { pages: VCLOCK_PAGES, flags: PFN_FLAGS, ops: vvar_vclock_mapping },
    text,
  ];
}

/**
 * map_vdso_once(): at `addr` where there is room, else elsewhere. Context: may sleep. Return: bytes of the code, -EEXIST where a part of
 * one is mapped, -ENOMEM.
 */
export function* map_vdso_once(mm: MmStruct, addr: number): Task<number> {
  const k = mm.kernel;
  yield* mm.mmap_lock.down_write('map_vdso_once');
  const ret = [...mm.vmas].some(vma_is_special_mapping) ? -EEXIST : yield* map_vdso(k, mm, addr);
  mm.mmap_lock.up_write();
  return ret;
}

function* map_vdso(k: Kernel, mm: MmStruct, hint: number): Task<number> {
  if (image_of(k) === null) return -ENOMEM;
  const parts = parts_of(k);
  const length = parts.reduce((sum, { pages }) => sum + pages * PAGE_SIZE, 0);
  const anywhere = { length, prot: 0, flags: 0, pgoff: 0, source: null, hugetlb: false };
  const start = get_unmapped_area(mm, { addr: hint, ...anywhere }, length);
  if (start < 0) return start;
  let addr = start;
  for (const { pages, flags, ops } of parts) {
    const err = install_special_mapping(mm, addr, pages, flags, ops);
    if (err !== 0) {
      yield* do_vmi_munmap(mm, start, addr - start);
      return err;
    }
    addr += pages * PAGE_SIZE;
  }
  return TEXT_PAGES * PAGE_SIZE;
}
