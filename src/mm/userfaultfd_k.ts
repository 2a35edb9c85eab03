// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: include/linux/userfaultfd_k.h, fs/userfaultfd.c (handle_userfault): what faults ask of a userfaultfd. */
import { PTE_UFFD_WP, PTE_WRITE } from './pgtable.js';
import { userfaultfd_wp, VM_FAULT_SIGBUS, type VmArea, type VmFault } from './types.js';

/** Whether a write to what this present entry maps is for the userfaultfd to decide. */
export function userfaultfd_pte_wp(vma: VmArea, flags: number): boolean {
  return (flags & PTE_UFFD_WP) !== 0 && userfaultfd_wp(vma);
}

export const pte_mkuffd_wp = (flags: number): number => (flags & ~PTE_WRITE) | PTE_UFFD_WP;

/**
 * A fault that a userfaultfd has to resolve.
 * DIVERGES: nobody waits for it; userfaultfds are made with UFFD_FEATURE_SIGBUS only. Return: VM_FAULT_SIGBUS.
 */
export function handle_userfault(vmf: VmFault, reason: 'uffd-missing' | 'uffd-wp'): number {
  const { vma, address } = vmf;
  const { vm_mm: mm } = vma;
  mm.kernel.enter('handle_userfault', address);
  if (mm.kernel.trace !== null) {
    mm.kernel.note({ event: 'skip', fn: 'handle_userfault', mm, addr: address, reason: { id: reason } });
  }
  return VM_FAULT_SIGBUS;
}
