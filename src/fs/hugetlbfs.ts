// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: fs/hugetlbfs/inode.c: the hidden file behind mmap(MAP_ANONYMOUS | MAP_HUGETLB), private or shared.
 * Fidelity: ported, without a mount or resizing; holes are punched in
 * ../mm/hugetlb_punch.ts.
 */
import { HPAGE_SIZE, hugetlb_reserve_pages, hugetlb_unreserve_pages, hugetlb_vm_ops } from '../mm/hugetlb.js';
import type { Kernel } from '../mm/kernel.js';
import type { MappingSource } from '../mm/mmap.js';
import { put_page } from '../mm/page_alloc.js';
import { PG_dirty } from '../mm/page_flags.js';
import { type AddressSpace, VM_DONTEXPAND, VM_HUGETLB, VM_WRITE, type VmArea } from '../mm/types.js';
import { done, type Task } from '../sim/task.js';
import { EINVAL } from '../uapi/errno.js';
import { type FileOperations, type FileTable, OpenFile } from './file.js';

const PAGES_PER_HPAGE = 512;

/** mmap() of such a file. Return: 0, -EINVAL for an offset within a huge page, -ENOMEM when the pool is too small. */
function hugetlbfs_file_mmap(vma: VmArea): number {
  const mapping = vma.vm_file!.mapping!;
  vma.vm_flags |= VM_HUGETLB | VM_DONTEXPAND;
  vma.vm_ops = hugetlb_vm_ops;
  if (vma.vm_pgoff % PAGES_PER_HPAGE !== 0) return -EINVAL;
  const from = vma.vm_pgoff / PAGES_PER_HPAGE;
  const to = from + (vma.vm_end - vma.vm_start) / HPAGE_SIZE;
  const err = hugetlb_reserve_pages(vma, mapping, from, to, vma.vm_flags);
  if (err !== 0) return err;
  if ((vma.vm_flags & VM_WRITE) !== 0) mapping.size = Math.max(mapping.size, to * HPAGE_SIZE);
  return 0;
}

/** The inode is gone: free its pages, as far as nobody else holds them, and its reservations. */
function hugetlbfs_evict_inode(k: Kernel, mapping: AddressSpace): void {
  const { mem } = k;
  for (const folio of mapping.i_pages.values()) {
    mem.mapping[folio] = 0;
    mem.flags[folio]! &= ~PG_dirty;
    put_page(k, folio);
  }
  hugetlb_unreserve_pages(k, mapping, 0, mapping.i_pages.size);
  mapping.i_pages.clear();
  k.dropMapping(mapping);
}

// biome-ignore lint/correctness/useYield: releases may sleep in other drivers.
function* hugetlbfs_file_release(file: OpenFile): Task {
  hugetlbfs_evict_inode(file.kernel, file.mapping!);
  file.mapping = null;
}

const source = (file: OpenFile): MappingSource => ({ file, ops: hugetlb_vm_ops, mmap: hugetlbfs_file_mmap });

const hugetlbfs_file_operations: FileOperations = {
  name: 'hugetlbfs',
  release: hugetlbfs_file_release,
  // noop_fsync().
  fsync: () => done(0),
  source,
};

/**
 * hugetlb_file_setup(): a file of `size` bytes, a multiple of 2 MiB, without reservations of its own. The caller drops
 * its reference after the mmap.
 */
export function new_hugetlb_file(files: FileTable, size: number): { file: OpenFile; source: MappingSource } {
  const file = new OpenFile(files, hugetlbfs_file_operations, '/anon_hugepage (deleted)');
  file.mapping = files.kernel.newMapping('hugetlb', size);
  return { file, source: source(file) };
}
