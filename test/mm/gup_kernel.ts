// SPDX-License-Identifier: GPL-2.0-only
/** A small booted kernel and one address space, for tests that stand on the memory core alone. */

import type { Behaviours } from '../../src/generations/behaviours/index.js';
import { linux61 } from '../../src/generations/kernels/linux-6.1.js';
import { linux612 } from '../../src/generations/kernels/linux-6.12.js';
import { anon_vma_prepare } from '../../src/mm/anon_vma.js';
import { Kernel } from '../../src/mm/kernel.js';
import { handle_mm_fault } from '../../src/mm/memory.js';
import {
  DevPagemap,
  type DevPagemapOps,
  type MemoryType,
  memremap_pages,
  zone_device_page_init,
} from '../../src/mm/memremap.js';
import {
  FLAGS,
  PTE_DIRTY,
  PTE_WRITE,
  PTE_YOUNG,
  pmd_index,
  pte_index,
  SWP_DEVICE_WRITE,
} from '../../src/mm/pgtable.js';
import { IomemResource } from '../../src/mm/resource.js';
import { folio_add_new_anon_rmap } from '../../src/mm/rmap.js';
import {
  FAULT_FLAG_WRITE,
  type MmStruct,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYWRITE,
  VM_READ,
  VM_WRITE,
  VmArea,
} from '../../src/mm/types.js';
import { vma_link, vma_set_page_prot } from '../../src/mm/vma.js';
import { Executor } from '../../src/sim/executor.js';
import { NO_PAGE, type Page } from '../../src/sim/memmap.js';
import { RunToBlock } from '../../src/sim/schedulers/run_to_block.js';
import type { Task } from '../../src/sim/task.js';

export const BASE = 0x200000000000;
export const RW = VM_READ | VM_WRITE;
const MAY = VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
const MiB = 2 ** 20;

export function boot(overrides: Partial<Behaviours> = {}): Kernel {
  const iomem = new IomemResource(46, 2 ** 46 - 1);
  const behaviour = { ...linux612.behaviours, ...overrides };
  const ram = [{ pfn: 256, pages: 16 * 512 }];
  return new Kernel(new Executor(new RunToBlock(1)), behaviour, iomem, [ram], 'madvise', null);
}

export const behaviours612 = linux612.behaviours;
export const behaviours61 = linux61.behaviours;

/** Run one task to its end on the kernel's CPU. */
export function run<T>(k: Kernel, body: Task<T>): T {
  const task = k.executor.spawn('test', body, null);
  k.executor.runUntil(task, k.executor.now + 1e9);
  return task.result as T;
}

/** Anonymous private memory of `pages` pages at BASE + `at` pages. */
export function mapAnon(mm: MmStruct, at: number, pages: number, flags = RW): VmArea {
  const start = BASE + at * 4096;
  const vma = new VmArea(mm, start, start + pages * 4096);
  vma.vm_flags = flags | MAY;
  vma.vm_pgoff = start / 4096;
  vma_set_page_prot(vma);
  vma_link(mm, vma);
  return vma;
}

export function touch(vma: VmArea, at: number, write = true): number {
  const fault = handle_mm_fault(vma, BASE + at * 4096, write ? FAULT_FLAG_WRITE : 0);
  return run(vma.vm_mm.kernel, fault);
}

/** The page that the CPU would reach; NO_PAGE for none. */
export function pageAt(mm: MmStruct, at: number): Page {
  const addr = BASE + at * 4096;
  const pmd = mm.pt.pmdTable(addr);
  const m = pmd_index(addr);
  if (pmd === null) return NO_PAGE;
  const table = pmd.child[m]!;
  if (table !== null) return table[pte_index(addr)]!;
  return pmd.e[FLAGS + m] === 0 ? NO_PAGE : pmd.e[m]! + pte_index(addr);
}

/** A fresh device page at page `at` of the VMA, mapped as its type is. */
export function mapDevicePage(vma: VmArea, at: number, type: MemoryType, ops: DevPagemapOps): Page {
  const k = vma.vm_mm.kernel;
  const pgmap = new DevPagemap(type, { start: 2 ** 32, end: 2 ** 32 + 2 * MiB - 1 }, ops, {}, null);
  memremap_pages(k, pgmap);
  const page = pgmap.firstPage;
  zone_device_page_init(k, page);
  k.unlock_page(page);
  const addr = BASE + at * 4096;
  anon_vma_prepare(vma);
  folio_add_new_anon_rmap(k, page, vma, addr);
  const table = vma.vm_mm.pt.pte_alloc(addr);
  table[pte_index(addr)] = page;
  table[FLAGS + pte_index(addr)] =
    type === 'MEMORY_DEVICE_PRIVATE'
      ? SWP_DEVICE_WRITE
      : vma.vm_page_prot | PTE_WRITE | PTE_DIRTY | PTE_YOUNG;
  vma.vm_mm.rss++;
  return page;
}

/** A fresh coherent page full of `word` at page `at` of the VMA. */
export function mapCoherent(vma: VmArea, at: number, word: number): Page {
  const page = mapDevicePage(vma, at, 'MEMORY_DEVICE_COHERENT', { page_free: () => {} });
  vma.vm_mm.kernel.contents.fill_page(page, word);
  return page;
}
