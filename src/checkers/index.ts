// SPDX-License-Identifier: GPL-2.0-only
/** Invariants of the simulated kernel, one file each; run after every system call when asked. */
import type { DmirrorModule } from '../drivers/test_hmm/dmirror.js';
import type { Kernel } from '../mm/kernel.js';
import type { MmStruct } from '../mm/types.js';
import type { Executor } from '../sim/executor.js';
import { check_anon_vmas } from './anon_vma.js';
import { Census } from './census.js';
import { check_device_pages } from './devices.js';
import { check_hugetlb } from './hugetlb.js';
import { check_leaks } from './leak.js';
import { check_mirrors } from './mirror.js';
import { check_refcounts } from './refcount.js';
import { check_rmap } from './rmap.js';
import { check_tlbs } from './tlb.js';
import { check_vmas } from './vma.js';

export { watch_mirrors } from './mirror.js';

/** Context: nobody is inside the kernel. Throws InvariantViolation at the first finding. */
export type Checker = (census: Census) => void;

export const checkers: Readonly<Record<string, Checker>> = {
  vma: check_vmas,
  anon_vma: check_anon_vmas,
  rmap: check_rmap,
  refcount: check_refcounts,
  'device pages': check_device_pages,
  hugetlb: check_hugetlb,
  mirror: check_mirrors,
  tlb: check_tlbs,
};

/** Where tasks wait or are preempted that hold nothing of the kernel's. */
const OUTSIDE = new Set([
  '',
  'user loop',
  'exc_page_fault',
  'exit_to_user_mode',
  'do_wait',
  'do_nanosleep',
  'pthread_join',
]);

/** Is nobody but the running task inside the kernel? There, invariants may be broken for a while. */
function is_quiet(executor: Executor): boolean {
  for (const task of executor.tasks()) {
    if (task !== executor.current && !OUTSIDE.has(task.where)) return false;
  }
  return true;
}

/** Throws InvariantViolation at the first finding. Finds nothing while another task is inside the kernel. */
export function run_checkers(k: Kernel, module: DmirrorModule | null, mms: readonly MmStruct[]): void {
  if (!is_quiet(k.executor)) return;
  const census = new Census(k, module, mms);
  for (const check of Object.values(checkers)) check(census);
}

/** The same at the end of a machine's life, when no process is left. */
export function run_leak_check(k: Kernel, module: DmirrorModule | null, mms: readonly MmStruct[]): void {
  const census = new Census(k, module, mms);
  for (const check of Object.values(checkers)) check(census);
  check_leaks(census);
}
