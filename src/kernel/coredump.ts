// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: fs/coredump.c: which memory of a process goes into its core file. Fidelity: simplified: the file itself
 * is written nowhere; core_pattern names one, and /proc/PID/coredump_filter is as the kernel has it from the start.
 */
import { get_dump_page } from '../mm/gup.js';
import { put_page } from '../mm/page_alloc.js';
import { compound_head } from '../mm/page_flags.js';
import { vma_is_special_mapping } from '../mm/special_mapping.js';
import { is_vm_hugetlb_page, type MmStruct, VM_IO, VM_READ, VM_SHARED, type VmArea } from '../mm/types.js';
import { NO_PAGE } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { PAGE_SIZE } from '../uapi/mman.js';

/** Signals whose default is to dump core. */
const DUMPS: ReadonlySet<string> = new Set([
  'SIGQUIT',
  'SIGILL',
  'SIGTRAP',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGSEGV',
  'SIGXCPU',
  'SIGXFSZ',
  'SIGSYS',
]);

export const sig_kernel_coredump = (signal: string): boolean => DUMPS.has(signal);

/** Bytes of a VMA that are dumped: private memory that was written, shared memory without a name in any file system. */
function vma_dump_size(vma: VmArea): number {
  const whole = vma.vm_end - vma.vm_start;
  const shared = (vma.vm_flags & VM_SHARED) !== 0;
  if (vma_is_special_mapping(vma)) return whole;
  if (is_vm_hugetlb_page(vma)) return shared ? 0 : whole;
  if ((vma.vm_flags & VM_IO) !== 0) return 0;
  if (shared || vma.anon_vma !== null) return whole;
  if (vma.vm_file === null) return 0;
  // A memfd may be executed, as far as its mode goes, so that it counts as the head of a program.
  const head = vma.vm_file.mapping?.kind === 'shmem' && vma.vm_pgoff === 0 && (vma.vm_flags & VM_READ) !== 0;
  return head ? PAGE_SIZE : 0;
}

/** do_coredump(): copy everything that is to be dumped. Context: nobody else runs in `mm`; may sleep. */
export function* do_coredump(mm: MmStruct): Task {
  const k = mm.kernel;
  k.enter('do_coredump');
  const ranges = [...mm.vmas].map((vma) => [vma.vm_start, vma.vm_start + vma_dump_size(vma)] as const);
  for (const [start, end] of ranges) {
    for (let addr = start; addr < end; addr += PAGE_SIZE) {
      const page = yield* get_dump_page(mm, addr);
      if (page !== NO_PAGE) put_page(k, compound_head(k.mem, page));
    }
  }
}
