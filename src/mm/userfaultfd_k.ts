// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: include/linux/userfaultfd_k.h, fs/userfaultfd.c (handle_userfault): what faults ask of a userfaultfd. */
import { WaitQueue } from '../sim/executor.js';
import type { Task } from '../sim/task.js';
import {
  UFFD_FEATURE_SIGBUS,
  UFFD_PAGEFAULT_FLAG_WP,
  UFFD_PAGEFAULT_FLAG_WRITE,
} from '../uapi/userfaultfd.js';
import type { ProtectionChange } from './huge_memory.js';
import type { Kernel } from './kernel.js';
import { PTE_UFFD_WP, PTE_WRITE } from './pgtable.js';
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_WRITE,
  type UserfaultfdCtx,
  type UserfaultWait,
  userfaultfd_wp,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  type VmArea,
  type VmFault,
} from './types.js';

/** Whether a write to what this present entry maps is for the userfaultfd to decide. */
export function userfaultfd_pte_wp(vma: VmArea, flags: number): boolean {
  return (flags & PTE_UFFD_WP) !== 0 && userfaultfd_wp(vma);
}

export const pte_mkuffd_wp = (flags: number): number => (flags & ~PTE_WRITE) | PTE_UFFD_WP;

/** A present entry with the protection of a userfaultfd as it is to be. */
export function with_uffd_wp(flags: number, uffd: ProtectionChange['uffd']): number {
  if (uffd === 'wp') return pte_mkuffd_wp(flags);
  return uffd === 'resolve' ? flags & ~PTE_UFFD_WP : flags;
}

/**
 * A fault that a userfaultfd has to resolve. Where it may wait, it is entered for whoever reads the fd, and whoever
 * faults waits, without the mmap_lock, in wait_for_userfault(); the kernel does both here.
 * Return: VM_FAULT_RETRY to wait, or VM_FAULT_SIGBUS.
 */
export function handle_userfault(vmf: VmFault, reason: 'uffd-missing' | 'uffd-wp'): number {
  const { vma, address } = vmf;
  const { vm_mm: mm } = vma;
  const k = mm.kernel;
  k.enter('handle_userfault', address);
  const ctx = vma.vm_userfaultfd_ctx;
  const task = k.executor.current;
  const may_wait = (vmf.flags & FAULT_FLAG_ALLOW_RETRY) !== 0 && task !== null;
  if (ctx !== null && may_wait && (ctx.features & UFFD_FEATURE_SIGBUS) === 0) {
    const wrote = (vmf.flags & FAULT_FLAG_WRITE) !== 0 ? UFFD_PAGEFAULT_FLAG_WRITE : 0;
    const flags = wrote | (reason === 'uffd-wp' ? UFFD_PAGEFAULT_FLAG_WP : 0);
    const wait: UserfaultWait = { ctx, address, flags, queue: new WaitQueue(), read: false, woken: false };
    ctx.waits.push(wait);
    k.userfaults.set(task, wait);
    k.pollers.wakeAll(k.executor);
    return VM_FAULT_RETRY;
  }
  if (k.trace !== null) {
    k.note({ event: 'skip', fn: 'handle_userfault', mm, addr: address, reason: { id: reason } });
  }
  return VM_FAULT_SIGBUS;
}

/** What the last fault of this task has to wait for; undefined: nothing. */
export function take_userfault(k: Kernel): UserfaultWait | undefined {
  const task = k.executor.current;
  if (task === null) return undefined;
  const wait = k.userfaults.get(task);
  k.userfaults.delete(task);
  return wait;
}

/** Whether the last fault of this task has to wait. */
export function waits_for_userfault(k: Kernel): boolean {
  const task = k.executor.current;
  return task !== null && k.userfaults.has(task);
}

/** Sleep until the userfaultfd has resolved the fault, or is gone. Context: no locks held; may sleep for ever. */
export function* wait_for_userfault(k: Kernel, wait: UserfaultWait): Task {
  const { waits } = wait.ctx;
  try {
    while (!wait.woken) yield* wait.queue.sleep(k.executor, 'handle_userfault');
  } finally {
    const at = waits.indexOf(wait);
    if (at >= 0) waits.splice(at, 1);
  }
}

/** Let faults of [start, start + len) be tried again. Source: fs/userfaultfd.c wake_userfault. */
export function wake_userfault(ctx: UserfaultfdCtx, start: number, len: number): void {
  const { executor } = ctx.mm.kernel;
  for (const wait of ctx.waits) {
    if (wait.address < start || wait.address >= start + len) continue;
    wait.woken = true;
    wait.queue.wakeAll(executor);
  }
}
